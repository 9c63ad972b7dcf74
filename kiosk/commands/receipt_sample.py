"""`kiosk receipt sample`: look at a paper in any language and width without a sale, as text or as it falls out of a printer."""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kiosk.commands import EXIT_MISSING, EXIT_USAGE, ended, say

if TYPE_CHECKING:
    from PIL.Image import Image

    from kiosk.devices.printer.escpos import PrinterProfile
    from kiosk.vend.paper.values import Paper

Kind = Literal["recharge", "copy", "claim", "box", "day", "all"]
PRINTED_WITHIN_S = 20.0
_GAP, _TABLE, _GREYS = 8, "#d4d2cc", 16


def sample(
    kind: Annotated[Kind, typer.Argument(help="Which paper; box and day are the cash box slip and the day report.")] = "all",
    *,
    language: Annotated[str, typer.Option(help="A language that has a catalogue.")] = "en",
    width: Annotated[int, typer.Option(help="48 for 80 mm paper, 32 for 58 mm.")] = 48,
    png: Annotated[Path | None, typer.Option(help="A picture of the printed paper instead of its text.")] = None,
) -> None:
    """Show papers of an invented sale, for translators and technicians. Exit code 0, 2 for a wrong call, 3 when the picture cannot be made.

    Example: kiosk receipt sample claim --language zh --width 32 --png claim.png

    Their codes are genuine to one public key, which everybody can sign for (RFC 8032, 7.1, test 1):
    d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
    """
    from kiosk import words
    from kiosk.commands.receipt_samples import KINDS, sample
    from kiosk.devices.printer.escpos import PAPER_58, PAPER_80

    if language not in words.languages():
        raise ended(f"There is no catalogue for {language}; there are {', '.join(words.languages())}.", EXIT_USAGE)
    profile = {32: PAPER_58, 48: PAPER_80}.get(width)
    if profile is None:
        raise ended("A paper is 48 or 32 columns wide.", EXIT_USAGE)
    papers = [sample(name, language) for name in (KINDS if kind == "all" else [kind])]
    if png is None:
        say("\n".join(text_of(paper, width) for paper in papers), nl=False)
        return
    try:
        _sheet(pictures(papers, profile)).save(png, optimize=True)
    except (OSError, ValueError) as error:
        raise ended(f"The picture {png} cannot be made: {error}.", EXIT_MISSING) from None


def text_of(paper: "Paper", width: int) -> str:
    """The paper's lines; a code is `[QR]`."""
    from kiosk.devices.printer.layout import TextLine, lay_out

    return "".join(f"{line.text if isinstance(line, TextLine) else '[QR]'.center(width).rstrip()}\n" for line in lay_out(paper, width))


def pictures(papers: list["Paper"], profile: "PrinterProfile") -> list["Image"]:
    """Each paper as the simulated printer prints the very bytes that a real one would get. OSError when it prints none."""
    from PIL import Image

    from kiosk.devices.port import open_port
    from kiosk.devices.printer.driver import bytes_of
    from kiosk.devices.sim.printer import PrinterSimulator
    from kiosk.devices.sim.printer_line import TcpLine

    with tempfile.TemporaryDirectory() as folder:
        line = TcpLine()
        simulator = PrinterSimulator(line, folder, columns=profile.columns)
        simulator.start()
        try:
            port = open_port(line.address)
            give_up = time.monotonic() + PRINTED_WITHIN_S
            for number, paper in enumerate(papers, 1):
                port.write(bytes_of(paper, profile))
                while simulator.do({"do": "state"})["papers"] < number:
                    if time.monotonic() > give_up:
                        raise OSError("the simulated printer printed nothing")
                    time.sleep(0.01)
            port.close()
        finally:
            simulator.stop()
        return [Image.open(path).convert("RGB") for path in sorted(Path(folder).glob("*.png"))]


def _sheet(papers: list["Image"]) -> "Image":
    """Side by side on a table, in few greys: a small file."""
    from PIL import Image

    width = sum(paper.width for paper in papers) + _GAP * (len(papers) - 1)
    sheet = Image.new("RGB", (width, max(paper.height for paper in papers)), _TABLE)
    x = 0
    for paper in papers:
        sheet.paste(paper, (x, 0))
        x += paper.width + _GAP
    return sheet.quantize(_GREYS)
