"""An import-linter contract by allow-list: modules that may import these things and nothing else, not even of the standard library."""

from typing import Any, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class Only(Contract):
    """`modules`, with all inside them and without `apart_from`, import `may_import` (a package stands for all inside it) and themselves.

    With `of` it is about imports from that package alone.
    """

    type_name = "only"
    modules: Any = fields.SetField(subfield=fields.StringField())
    apart_from: Any = fields.SetField(subfield=fields.StringField(), required=False)
    may_import: Any = fields.SetField(subfield=fields.StringField())
    of: Any = fields.StringField(required=False, default="")

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - the signature is import-linter's
        """Every import of theirs that is not on the list is a line of the report."""
        sources, apart = cast("set[str]", self.modules), cast("set[str] | None", self.apart_from) or set()
        allowed = sources | cast("set[str]", self.may_import)
        wrong = [
            (module, imported)
            for module in sorted(graph.modules)
            if within(module, sources) and not within(module, apart)
            for imported in sorted(graph.find_modules_directly_imported_by(module))
            if within(imported, {self.of} if self.of else {imported}) and (not within(imported, allowed) or within(imported, apart))
        ]
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line an import."""
        for module, imported in check.metadata["wrong"]:
            output.print_error(f"{module} may not import {imported}")


def within(module: str, packages: set[str]) -> bool:
    """Whether a module is one of these or inside one of them."""
    return any(module == package or module.startswith(package + ".") for package in packages)
