"""The contract type `only`, on which most floors rest, sees what it should; `./run check` holds the house to the contracts."""

from typing import Any

from grimp import ImportGraph

from tests.house.only import Only


def wrong(imports: list[tuple[str, str]], **options: Any) -> list[tuple[str, str]]:
    graph = ImportGraph()
    for importer, imported in imports:
        for module in (importer, imported):
            if module not in graph.modules:
                graph.add_module(module)
        graph.add_import(importer=importer, imported=imported)
    contract = Only(name="x", session_options={}, contract_options=options)
    found: list[tuple[str, str]] = contract.check(graph, verbose=False).metadata["wrong"]
    return found


def test_a_simulator_that_learns_from_its_driver_is_found() -> None:
    imports = [("k.sim.coins", "k.port"), ("k.sim.coins", "k.sim.bus"), ("k.sim.coins", "json"), ("k.sim.coins", "k.coins.wire")]
    assert wrong(imports, modules=["k.sim"], may_import=["k.port"], of="k") == [("k.sim.coins", "k.coins.wire")]


def test_a_clock_in_a_pure_room_is_found_and_the_desk_may_have_one() -> None:
    imports = [("k.vend.sale", "time"), ("k.vend.desk", "time"), ("k.vend.sale", "decimal")]
    options = {"modules": ["k.vend"], "apart_from": ["k.vend.desk"], "may_import": ["decimal"]}
    assert wrong(imports, **options) == [("k.vend.sale", "time")]


def test_a_pure_room_that_leans_on_the_desk_is_found() -> None:
    imports = [("k.vend.sale", "k.vend.desk"), ("k.vend.sale", "k.vend.money"), ("k.vend.sale", "k.vending")]
    options = {"modules": ["k.vend"], "apart_from": ["k.vend.desk"], "may_import": ["decimal"]}
    assert wrong(imports, **options) == [("k.vend.sale", "k.vend.desk"), ("k.vend.sale", "k.vending")]
