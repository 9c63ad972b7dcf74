"""Nothing that guards a key compares a secret byte by byte, and nothing prints one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import HOUSE

SECRETS = {"mac", "macs", "seal", "pin", "passphrase", "secret", "key", "kek", "master", "cryptogram", "signature", "cmac"}
ROOMS = ("kiosk/devices/vault", "kiosk/devices/card", "kiosk/keys.py", "kiosk/commands/vault.py", "kiosk/devices/sim/psam.py")


def files() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((HOUSE / room).glob("*.py")) if (HOUSE / room).is_dir() else [HOUSE / room]


def named(node: ast.expr) -> str:
    """The last word of what an operand is called: `self._key`, `key`, `keyring.mac(...)`; constants have no secrets."""
    match node:
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return named(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return "" if name.isupper() else name.strip("_").lower()
    return ""


def compared(tree: ast.Module) -> list[int]:
    """Lines that compare such a thing with == or !=, or look for it in something."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops):
            operands = [node.left, *node.comparators]
            constants = any(isinstance(operand, ast.Constant) and operand.value is None for operand in operands)
            if not constants and any(set(named(operand).split("_")) & SECRETS for operand in operands):
                found.append(node.lineno)
    return found


def test_no_secret_is_compared_in_variable_time() -> None:
    assert {str(path): lines for path in files() if (lines := compared(ast.parse(path.read_text())))} == {}


@pytest.mark.parametrize("line", ["a.mac == mac", "self._pin != typed", "hmac_key in keys", "suite.mac(1)[:4] == given", "x == passphrase"])
def test_such_a_comparison_is_found(line: str) -> None:
    assert compared(ast.parse(line)) == [1]


def test_only_the_end_of_the_process_is_printed() -> None:
    printing = [
        f"{path.name}:{node.lineno}"
        for path in files()
        if path.name != "vault.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and named(node) in {"print", "print_exc", "print_exception", "echo", "debug", "info", "warning", "error"}
    ]
    assert [place.split(":")[0] for place in printing] == ["server.py"]
