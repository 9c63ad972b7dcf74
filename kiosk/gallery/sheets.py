"""Contact sheets: every sample screen at a size, in a language and a palette, side by side under its name."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from PIL import Image, ImageDraw

from kiosk import words
from kiosk.gallery.picture import Cell, font, screen
from kiosk.screens import size
from kiosk.screens.palette import PALETTES
from kiosk.screens.samples import SAMPLES
from kiosk.screens.size import Size

SIZES = {each.name: each for each in size.SIZES}
SMALL = Cell(7, 14)
SHEET = 2200, 2000  # pixels, at most: what an eye takes in at once
MARGIN, CAPTION = 14, 22
DESK, CAPTION_INK = (0x80, 0x84, 0x8A), (0, 0, 0)
COLOURS = 256  # of a small sheet

BEST = (  # a sale from the first screen to the last, and what may go wrong, in each size, language and palette
    ("attract", "M", "en", "true"), ("account", "M", "zh", "true"), ("insert", "M", "en", "true"),
    ("writing", "M", "zh", "true"), ("done", "M", "fr", "true"), ("take_card-done", "M", "sw", "true"),
    ("unsure", "M", "en", "true"), ("claim", "M", "fr", "true"), ("refused", "M", "sw", "true"),
    ("insert", "M", "zh", "ansi"), ("insert", "M", "en", "contrast"), ("out", "M", "en", "true"),
)  # fmt: skip


class Shot(NamedTuple):
    """One screen to be painted: names of a sample, a size, a language, a palette."""

    sample: str
    size: str
    language: str
    palette: str


class Page(NamedTuple):
    """One sheet: its file's stem, and what stands on it."""

    name: str
    shots: tuple[Shot, ...]


def pages(only: str, sizes: Iterable[str], languages: Iterable[str], palettes: Iterable[str], cell: Cell) -> Iterator[Page]:
    """Samples whose names begin with `only`, as few sheets of one size, language and palette as hold them."""
    names = [name for name in SAMPLES if name.startswith(only)]
    for size_name in sizes:
        across, down = _room(SIZES[size_name], cell)
        for language in languages:
            for palette in palettes:
                parts = [names[first : first + across * down] for first in range(0, len(names), across * down)]
                for number, part in enumerate(parts, 1):
                    stem = f"{size_name.lower()}-{language}-{palette}" + (f"-{number}" if len(parts) > 1 else "")
                    yield Page(stem, tuple(Shot(name, size_name, language, palette) for name in part))


def best() -> tuple[Shot, ...]:
    """What is shown to whoever wants to see the product on one sheet, as far as there are catalogues for it."""
    return tuple(Shot(*shot) for shot in BEST if shot[2] in words.languages())


def draw(sheets: Iterable[Page], folder: Path, cell: Cell) -> Iterator[Path]:
    """Paint them into a folder; their files, as they are done."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in sheets:
        path = folder / f"{page.name}.png"
        sheet(page.shots, cell).save(path, compress_level=3)
        yield path


def sheet(shots: tuple[Shot, ...], cell: Cell, across: int = 0) -> Image.Image:
    """The shots in rows, `across` of them or as many as there is room for, each under its name."""
    pictures = [painted(shot, cell) for shot in shots]
    wide, tall = max(each.width for each in pictures) + MARGIN, max(each.height for each in pictures) + CAPTION + MARGIN
    across = min(across or max(1, SHEET[0] // wide), len(shots))
    down = -(-len(shots) // across)
    image = Image.new("RGB", (across * wide + MARGIN, down * tall + MARGIN), DESK)
    brush = ImageDraw.Draw(image)
    for place, (shot, each) in enumerate(zip(shots, pictures, strict=True)):
        x, y = MARGIN + place % across * wide, MARGIN + place // across * tall
        brush.text((x, y), " ".join(shot), fill=CAPTION_INK, font=font(15, bold=True))
        image.paste(each, (x, y + CAPTION))
    return image


def painted(shot: Shot, cell: Cell) -> Image.Image:
    """One screen in one language."""
    sample = SAMPLES[shot.sample]
    spoken = sample._replace(view=replace(sample.view, language=shot.language))
    return screen(spoken, SIZES[shot.size], PALETTES[shot.palette], cell)


def save_small(image: Image.Image, path: Path) -> None:
    """The commonest colours as they are, the edges of letters in the nearest of these. Pillow's own way would shift the planes, too."""
    pixels = image.tobytes()
    colours = [pixels[at : at + 3] for at in range(0, len(pixels), 3)]
    ranked = [colour for colour, _ in Counter(colours).most_common()]
    kept = ranked[:COLOURS]
    index = {colour: min(range(len(kept)), key=lambda at: _apart(colour, kept[at])) for colour in ranked[COLOURS:]}
    index |= {colour: at for at, colour in enumerate(kept)}
    small = Image.frombytes("P", image.size, bytes(index[colour] for colour in colours))
    small.putpalette(b"".join(kept))
    small.save(path, optimize=True)


def _apart(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _room(one: Size, cell: Cell) -> tuple[int, int]:
    """How many screens of a size stand on a sheet, across and down."""
    wide, tall = one.columns * cell.width + MARGIN, one.rows * cell.height + CAPTION + MARGIN
    return max(1, (SHEET[0] - MARGIN) // wide), max(1, (SHEET[1] - MARGIN) // tall)
