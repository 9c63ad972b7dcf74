"""`kiosk screens`: what customers see, as pictures, and how large their keys are on a real panel."""

from pathlib import Path
from typing import Annotated

import typer

from kiosk.commands import EXIT_USAGE, ended, say

Out = Annotated[Path, typer.Option("--out", help="The folder for the sheets.")]
Only = Annotated[str, typer.Option("--only", metavar="NAME", help="Samples whose names begin so: done, insert-refused.")]
Width = Annotated[int, typer.Option("--cell", min=4, max=24, help="Pixels to a cell's width; it is twice as high.")]


def sheets(
    *,
    out: Out,
    size: Annotated[str, typer.Option("--size", help="This size alone: S, M, L, large.")] = "",
    language: Annotated[str, typer.Option("--language", help="This language alone.")] = "",
    palette: Annotated[str, typer.Option("--palette", help="This palette alone: true, ansi, contrast.")] = "",
    only: Only = "",
    cell: Width = 7,
) -> None:
    """Paint every screen at every size, in every language and palette, onto contact sheets; their names go to standard output.

    Example: kiosk screens sheets --out /tmp/sheets --size M --language zh.
    """
    from kiosk import words
    from kiosk.gallery.picture import Cell
    from kiosk.gallery.sheets import SIZES, draw, pages
    from kiosk.screens.palette import PALETTES
    from kiosk.screens.samples import SAMPLES

    sizes = _chosen("size", size, tuple(SIZES))
    languages = _chosen("language", language, words.languages())
    palettes = _chosen("palette", palette, tuple(PALETTES))
    if not any(name.startswith(only) for name in SAMPLES):
        raise ended(f"No sample begins with {only}. There are: {', '.join(SAMPLES)}.", EXIT_USAGE)
    wanted = Cell(cell, 2 * cell)
    for path in draw(pages(only, sizes, languages, palettes, wanted), out, wanted):
        say(str(path))


def best(path: Annotated[Path, typer.Argument(help="The PNG file.")]) -> None:
    """Paint the one sheet that shows the product. Example: kiosk screens best docs/screens/best.png."""
    from kiosk.gallery import sheets as s

    path.parent.mkdir(parents=True, exist_ok=True)
    s.save_small(s.sheet(s.best(), s.SMALL, across=3), path)


def measures() -> None:
    """Print how large the keys of every screen are on the panels of docs/screens.md. Example: kiosk screens measures."""
    from kiosk.gallery.measures import table

    say(table())


def _chosen(what: str, name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The one that was named, or all."""
    if name and name not in known:
        raise ended(f"There is no {what} {name}. There are: {', '.join(known)}.", EXIT_USAGE)
    return (name,) if name else known
