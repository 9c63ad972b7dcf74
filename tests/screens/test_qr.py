"""A receipt or slip as a code on the screen: what a telephone reads in it is what the kiosk signed."""

import subprocess
from functools import partial
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from PIL import Image

from kiosk.screens.palette import HIGH, PALETTES, SIXTEEN, TRUE, Palette
from kiosk.screens.qr import modules
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import LARGE, SIZES, L, M, S, Size
from kiosk.vend import evidence
from tests.screens.shots import LANGUAGES, Shot, cells_of, shot, written
from tests.screens.xterm import Xterm

CODED = ("qr", "qr-slip")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()


def holds(label: str, data: bytes, signature: bytes) -> bool:
    try:
        KEY.verify(signature, b"kvb1 " + label.encode() + b"\0" + data)
    except InvalidSignature:
        return False
    return True


def code_of(name: str) -> str:
    return str(SAMPLES[name].view.params["code"])


def code_cells(one: Shot) -> dict[tuple[int, int], tuple[str, str]]:
    """Upper and lower token of each cell of the code, by column and row."""
    return {
        (x, y): (ground, ink)
        for y, row in enumerate(one.frame.rows)
        for x, (_, (ink, ground, _)) in enumerate(cells_of(row))
        if ground.startswith("code")
    }


def test_a_receipt_has_41_modules_and_a_slip_45() -> None:
    assert [len(modules(code_of(name))) for name in CODED] == [41, 45]
    assert [len(code_of(name)) for name in CODED] == [167, 200]


@pytest.mark.parametrize("size", [M, L])
@pytest.mark.parametrize("name", CODED)
def test_every_module_is_painted_with_white_around_and_no_key_is_covered(name: str, size: Size) -> None:
    one = shot(name, SAMPLES[name], size)
    cells = code_cells(one)
    columns, rows = {x for x, _ in cells}, {y for _, y in cells}
    assert len(cells) == len(columns) * len(rows)
    dots = [[cells[x, y][half] == "code_dark" for x in sorted(columns)] for y in sorted(rows) for half in (0, 1)]
    dark = modules(code_of(name))
    left = next(at for at in range(len(columns)) if any(row[at] for row in dots))
    top = next(at for at, row in enumerate(dots) if any(row))
    assert tuple(tuple(row[left : left + len(dark)]) for row in dots[top : top + len(dark)]) == dark
    assert sum(map(sum, dots)) == sum(map(sum, dark))
    assert left >= 2
    assert len(columns) - left - len(dark) >= 2
    assert top >= 1
    assert len(dots) - top - len(dark) >= 1
    for key in one.frame.targets:
        assert not any(key.holds(x, y) for x, y in cells), key.cap


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [S, LARGE])
def test_where_the_rows_are_too_few_the_numbers_are_there_to_be_photographed(size: Size, language: str) -> None:
    for name in CODED:
        sample = SAMPLES[name]
        one = shot(name, sample._replace(view=replace(sample.view, language=language)), size)
        assert not code_cells(one)
        page = "".join(written(one.frame))
        assert str(sample.view.params["number"]) in page, (name, language)
        assert "18-2" in page, (name, language)
        assert "14:3" in page, (name, language)


@pytest.mark.parametrize("size", SIZES)
def test_enter_is_where_it_always_is(size: Size) -> None:
    places = [next(key for key in shot(name, SAMPLES[name], size).frame.targets if key.cap == "enter") for name in ("amount", *CODED)]
    assert len({(key.x, key.width) for key in places}) == 1


def test_modules_are_black_on_white_in_every_palette() -> None:
    for palette in PALETTES.values():
        assert palette.colours["code_dark"] in {"#000000", 0}, palette.name
        assert palette.colours["code"] in {"#FFFFFF", 15}, palette.name


@pytest.mark.screen
@pytest.mark.deep("codes read by a camera's program in each size, palette and font")
@pytest.mark.parametrize(
    ("size", "palette", "letters"),
    [
        (M, TRUE, "size=14"),
        (M, TRUE, "size=9"),
        (M, SIXTEEN, "size=14"),
        (M, HIGH, "size=14"),
        (L, TRUE, "size=14"),
        (L, SIXTEEN, "size=9"),
    ],
)
def test_a_telephone_reads_what_was_signed(size: Size, palette: Palette, letters: str, tmp_path: Path) -> None:
    """From a real xterm's picture; the palette of 16 and the contrast have another colour beside the code."""
    with Xterm(size, palette, letters) as xterm:
        for name in CODED:
            xterm.show(SAMPLES[name].view)
            xterm.until(partial(not_yet, code_of(name), tmp_path / "seen.png"))
            found = evidence.verify(read(xterm.look(), tmp_path / "seen.png"), holds)
            assert f"{found.kiosk}-{found.number:06d}" in str(SAMPLES[name].view.params["number"])
            assert found.amount_minor == SAMPLES[name].view.figure_minor


def not_yet(code: str, path: Path, image: Image.Image) -> bool:
    """Is another code in the picture, or none?"""
    return read(image, path) != code


def read(image: Image.Image, path: Path) -> str:
    """What zbar finds in a picture; nothing where there is nothing."""
    image.save(path)
    command = ["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
