"""No room of the house is too big to be read in one go. There is no list of exceptions."""

import ast

from tests.house.tree import HOUSE, modules

MODULE, FUNCTION, SCREEN = 400, 60, 120
SCREENS = ("kiosk/screens/customer/", "kiosk/screens/staff/")


def lines(name: str) -> int:
    return len((HOUSE / name).read_text().splitlines())


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    assert {name: n for name, _ in modules("") if (n := lines(name)) > MODULE} == {}


def test_no_screen_is_longer_than_a_hundred_and_twenty_lines() -> None:
    assert {name: n for name, _ in modules(*SCREENS) if (n := lines(name)) > SCREEN} == {}


def test_no_function_is_longer_than_sixty_lines() -> None:
    found = {
        f"{name}:{node.lineno} {node.name}": length
        for name, tree in modules("")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION
    }
    assert found == {}
