"""Money is never a float, and the rules that move it never look at a clock: the checks here read the source of `kiosk/vend`.

A float there is a number of seconds: it stands only at a name that ends in `_s`, or at `timeout`; a function of such a name returns one.
A true division stands in `money.py` alone.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.house.tree import modules

IMPURE = ("kiosk/vend/journal", "kiosk/vend/store", "kiosk/vend/desk")
OUTSIDE = {"now", "today", "utcnow", "open", "print", "input", "eval", "exec", "__import__"}


def is_seconds(name: str | None) -> bool:
    return name is not None and (name.lower().endswith("_s") or name == "timeout")


def of_seconds(tree: ast.Module) -> set[ast.AST]:
    """Everything that is written at the name of a number of seconds."""
    places: list[ast.AST | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg=name) if is_seconds(name):
                places.append(node)
            case ast.keyword(arg=name) if is_seconds(name):
                places.append(node)
            case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)) if is_seconds(name):
                places.append(node)
            case ast.Assign(targets=[ast.Name(id=name) | ast.Attribute(attr=name)]) if is_seconds(name):
                places.append(node)
            case ast.FunctionDef(name=name) if is_seconds(name):
                places += [node.returns, *(inner for inner in ast.walk(node) if isinstance(inner, ast.Return))]
            case ast.arguments():
                named = [*node.posonlyargs, *node.args][-len(node.defaults) :] if node.defaults else []
                places += [value for arg, value in zip(named, node.defaults, strict=True) if is_seconds(arg.arg)]
                places += [value for arg, value in zip(node.kwonlyargs, node.kw_defaults, strict=True) if is_seconds(arg.arg)]
    return {inner for place in places if place is not None for inner in ast.walk(place)}


def floats(name: str, tree: ast.Module) -> Iterator[str]:
    seconds = of_seconds(tree)
    for node in ast.walk(tree):
        if node in seconds:
            continue
        match node:
            case ast.Constant(value=float() as value):
                yield f"{name}:{node.lineno} the float {value}"
            case ast.Name(id="float"):
                yield f"{name}:{node.lineno} the type float"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()) if name != "kiosk/vend/money.py":
                yield f"{name}:{node.lineno} a division that is not whole"


def calls_outside(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if called in OUTSIDE:
                yield f"{name}:{node.lineno} calls {called}()"


def test_no_float_touches_money() -> None:
    assert [found for name, tree in modules("kiosk/vend/") for found in floats(name, tree)] == []


def test_the_pure_rooms_ask_nobody_for_the_time() -> None:
    pure = [(name, tree) for name, tree in modules("kiosk/vend/") if not name.startswith(IMPURE)]
    assert [found for name, tree in pure for found in calls_outside(name, tree)] == []


@pytest.mark.parametrize("line", ["a = 0.5", "a = b / 2", "a /= 2", "def f(a: float) -> None: ...", "a = float(b)", "def f(a=0.5): ..."])
def test_a_float_in_the_shop_is_found(line: str) -> None:
    assert len(list(floats("kiosk/vend/sale.py", ast.parse(line)))) == 1


SECONDS = [
    "wait_s = 0.5",
    "def f(a_s: float = 0.5, *, b_s: float = 0.1): ...",
    "def f_s() -> float:\n    return a / 2",
    "q.get(timeout=0.1)",
    "a = b // 2",
]


@pytest.mark.parametrize("line", SECONDS)
def test_seconds_and_whole_divisions_are_not(line: str) -> None:
    assert list(floats("kiosk/vend/desk.py", ast.parse(line))) == []


@pytest.mark.parametrize("line", ["datetime.now()", "date.today()", "open('x')", "print(1)"])
def test_a_clock_or_a_file_in_a_pure_room_is_found(line: str) -> None:
    assert len(list(calls_outside("kiosk/vend/sale.py", ast.parse(line)))) == 1
