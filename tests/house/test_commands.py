"""`./run test` and `./run prove`: each test is in one of the two, each deep one says why, and what was not run is said at the end."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.__main__ import command, hours_of, main, shared
from tests.house.tree import HOUSE, modules
from tests.seeds import Kept, Seeds, kept

SOME = """
import pytest
from hypothesis import given, strategies

DEEP = pytest.mark.deep("all of the numbers")

def test_quick(): pass

@DEEP
def test_deep(): pass

@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.deep("two is much"))])
def test_number(number): pass

def test_elsewhere(): pytest.skip("no such machine here")

def test_drawn(seeds):
    print("drawn", seeds.base("a"), seeds.base("b"))
    assert seeds.first("planted", 3, [8, 9], lambda seed: "wrong" if seed == 9 else "") == "wrong"

@given(strategies.integers(0, 1 << 60))
def test_guessed(number): print("guessed", number)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "test_some.py").write_text(SOME)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = -q --strict-markers -p no:cacheprovider -p no:asyncio\nmarkers = deep(why): deep\n"
    )
    return tmp_path


def run(place: Path, *words: str) -> list[str]:
    """The lines that such a run prints."""
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.choice", "-p", "tests.seeds", "--rootdir", place, "-c", place / "pytest.ini", *words],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
    )
    return (said.stderr + said.stdout).splitlines()


def not_run(lines: list[str]) -> list[str]:
    first = next(number for number, line in enumerate(lines) if line.startswith("not run here"))
    return [line for line in lines[first:] if not line.startswith(("seed ", "planted"))]


# ---------------------------------------------------------------- every deep test says why


def deep_marks(tree: ast.Module) -> list[tuple[int, bool]]:
    """The line of each `mark.deep`, and whether a reason stands in it."""
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "deep" and isinstance(node.value, ast.Attribute) and node.value.attr == "mark":
            call = calls.get(id(node))
            why = call.args[0] if call and len(call.args) == 1 and not call.keywords else None
            found.append((node.lineno, isinstance(why, ast.Constant) and isinstance(why.value, str) and len(why.value.split()) > 1))
    return found


def test_every_deep_mark_says_why() -> None:
    silent = [f"{name}:{line}" for name, tree in modules("tests") for line, reasoned in deep_marks(tree) if not reasoned]
    assert silent == []
    assert sum(len(deep_marks(tree)) for _, tree in modules("tests")) > 30, "the marks are not found any more"


@pytest.mark.parametrize("mark", ["deep", "deep()", "deep('')", "deep('slow')", "deep(why='it takes long')", "deep(WHY)"])
def test_a_mark_without_a_reason_is_found(mark: str) -> None:
    assert deep_marks(ast.parse(f"x = pytest.mark.{mark}")) == [(1, False)]
    assert deep_marks(ast.parse("x = pytest.mark.deep('the whole matrix')")) == [(1, True)]


def test_a_mark_without_a_reason_ends_the_run(place: Path) -> None:
    (place / "test_some.py").write_text("import pytest\n@pytest.mark.deep\ndef test_it(): pass\n")
    assert any("a deep test says why" in line for line in run(place, str(place)))


# ---------------------------------------------------------------- what is run, and what is said of the rest


def test_a_quick_run_counts_the_deep_tests_by_their_reasons_and_the_skipped_ones(place: Path) -> None:
    lines = run(place, "--depth=quick", str(place))
    assert not_run(lines) == [
        "not run here: 2 deep tests (./run prove)",
        "      1  all of the numbers",
        "      1  two is much",
        "not run here: 1, no such machine here",
        lines[-1],
    ]
    assert lines[-1].startswith("4 passed, 1 skipped, 2 deselected")


def test_several_processes_count_each_test_once(place: Path) -> None:
    assert not_run(run(place, "--depth=quick", "-n2", str(place)))[:3] == [
        "not run here: 2 deep tests (./run prove)",
        "      1  all of the numbers",
        "      1  two is much",
    ]


def test_a_deep_run_has_the_others(place: Path) -> None:
    lines = run(place, "--depth=deep", str(place))
    assert not_run(lines)[0] == "not run here: 5 tests that are quick (./run test)"
    assert lines[-1].startswith("2 passed")


def test_who_is_named_is_run_whatever_its_depth(place: Path) -> None:
    lines = run(place, "--depth=quick", f"{place}/test_some.py::test_deep")
    assert "nothing was left out" in lines
    assert lines[-1].startswith("1 passed")


def test_the_rules_of_the_house_are_left_to_the_check_where_nobody_names_a_place(place: Path) -> None:
    assert "--unchecked" in command("quick", ["-x"])
    assert "--unchecked" in command("quick", ["-k", "money"])
    assert "--unchecked" not in command("quick", ["tests/house"])
    assert "python -m pytest tests/house" in (HOUSE / "tests/house/check").read_text()
    lines = run(place, "--depth=quick", "--unchecked", "tests/house/test_size.py")
    assert not_run(lines)[0] == "not run here: 3 tests of the house's own rules (./run check)"
    assert "nothing was left out" not in lines
    assert "nothing was left out" in run(place, "--depth=quick", "tests/house/test_size.py")


def test_nothing_begins_when_the_time_is_over(place: Path) -> None:
    assert "not run here: 7 tests, the time was over" in run(place, "--until=1", str(place))
    assert "not run here: 7 tests, the time was over" in run(place, "--until=1", "-n2", str(place))


def test_only_what_chance_decides(place: Path) -> None:
    assert run(place, "--chance", str(place))[-1].startswith("2 passed, 5 deselected")


def test_several_processes_share_folders_and_no_single_file() -> None:
    several = shared([])
    assert several[0] == "-n"
    assert several[2:] == ["--no-loadscope-reorder"]
    assert shared(["tests/house"]) == shared(["tests/house", "-x"]) == shared(["tests/house", "--durations=25"]) == several
    assert shared(["tests/house/test_size.py", "tests/house/test_docs.py"]) == several
    assert shared(["-n4"]) == ["--no-loadscope-reorder"]
    for alone in (["tests/house/test_size.py"], ["tests/house/test_size.py::test_x", "-x"], ["-k", "money"], ["-n", "2"], ["--pdb"]):
        assert shared(alone) == []


def test_hours_are_taken_out_of_pytests_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert hours_of(["-x", "--hours", "1.5", "tests/tears"]) == (1.5, ["-x", "tests/tears"])
    assert hours_of(["--hours=8"]) == (8.0, [])
    assert hours_of(["-x"]) == (0.0, ["-x"])
    for bad in (["--hours"], ["--hours", "many"], ["--hours=-1"], ["--hours=nan"]):
        assert main(["prove", *bad]) == 2
        assert capsys.readouterr().err == "--hours takes a number of hours, such as --hours 1.5\n"
    assert main(["prove", "--hours", "1", "--seed", "4"]) == 2
    assert "--seed is for one run" in capsys.readouterr().err


def test_one_command_is_the_quick_ones_the_other_the_deep_ones() -> None:
    assert command("quick", ["-x"])[3] == "--depth=quick"
    said = (HOUSE / "run").read_text()
    assert "usage: ./run demo|test|prove|check|bench" in said
    assert 'exec python -m tests "$what" "$@"' in said


# ---------------------------------------------------------------- seeds


def drawn(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("drawn", "guessed"))]


def test_each_run_draws_anew_and_a_seed_repeats_it(place: Path) -> None:
    first, second = (run(place, "-s", str(place)) for _ in range(2))
    said = [line for line in first if line.startswith("seed ")]
    assert len(said) == 2, "it is said first and last"
    assert said[0] == said[1] == first[0]
    assert drawn(first) != drawn(second)
    again = run(place, "-s", "--seed", said[0].split()[1], str(place))
    assert drawn(again) == drawn(first)
    assert len(drawn(again)) > 50


def test_every_process_draws_from_the_same_seed(place: Path) -> None:
    (place / "test_some.py").write_text("def test_a(seeds): assert not seeds.base('x')\n")
    (place / "test_other.py").write_text("def test_b(seeds): assert not seeds.base('x')\n")
    lines = run(place, "-n2", str(place))
    assert len({line for line in lines if line.startswith("E") and "assert not" in line}) == 1, lines
    assert run(place, "-n2", "--seed=7", str(place))[0] == "seed 7 (again: --seed 7)"


def test_a_planted_bug_that_only_a_known_seed_meets_is_told(place: Path) -> None:
    assert "planted: not met in 3 fresh worlds, only with the known seed 9" in run(place, str(place))


def test_what_is_drawn_hangs_on_run_and_name_and_those_kept_come_first() -> None:
    some = Seeds(5, keeps=[Kept("tears", 3, "A claim was paid twice."), Kept("else", 4, "Another one.")])
    assert some.base("tears") == Seeds(5).base("tears")
    assert len({some.base("tears"), some.base("else"), Seeds(6).base("tears")}) == 3
    assert list(some.some("tears", 2)) == [3, some.base("tears"), some.base("tears") + 1]
    assert some.first("tears", 3, [], lambda seed: f"seed {seed}") == f"seed {some.base('tears')}"
    assert some.first("tears", 3, [1, 2], lambda _: "") == ""


def names_asked() -> list[re.Pattern[str]]:
    """By which names tests ask for kept seeds; what an f-string fills in may be anything."""
    found = []
    for _, tree in modules("tests"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("some", "kept") and node.args:
                parts = node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
                words = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in parts]
                found.append(re.compile("".join(words)))
    return found


def test_each_kept_seed_says_what_it_found_and_belongs_to_a_test() -> None:
    asked = names_asked()
    assert all(any(each.fullmatch(name) for each in asked) for name in ("tears double", "explained tears"))
    assert [entry for entry in kept() if len(entry.why.split()) < 5 or not any(each.fullmatch(entry.of) for each in asked)] == []
    assert len({(entry.of, entry.seed) for entry in kept()}) == len(kept())
