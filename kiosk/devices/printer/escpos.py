"""Lines become ESC/POS bytes. python-escpos builds them into a buffer; it never sees the printer.

One job is whole by itself: it begins with ESC @, because the printer may have been switched off since the last one, and ends with the cut.
Text of this project's catalogues that is not ASCII goes as a picture of its line: code pages and fonts differ from printer to printer.
"""

from functools import cache, lru_cache

import msgspec
import qrcode
from escpos.printer import Dummy
from PIL import Image, ImageChops, ImageDraw, ImageFont
from qrcode.util import MODE_ALPHA_NUM, QRData

from kiosk.devices.printer.cells import cells, is_wide
from kiosk.devices.printer.layout import CodeLine, PrintLine, TextLine
from kiosk.devices.printer.status import MARK_FIRST

CELL_DOTS = (12, 24)  # font A
_BAND_ROWS = 256  # what the smallest buffers take of one picture
_LINE_ROWS = 30  # from line to line, as the printer itself spaces them
_BASE = 5  # rows under the line that letters stand on
_WIDE_FONT = ("NotoSansCJK-Regular.ttc", 22, 2)  # the third of its faces is written as in China
_NARROW_FONT = ("DejaVuSansMono.ttf", 20, 0)

INITIALIZE = b"\x1b@"
STATUS_ON_CHANGE = b"\x1da\x0f"  # GS a: drawer, on-line, errors, paper
CLEAR = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"  # DLE DC4 fn 8
ASK_QUEUED = b"\x1dr\x01"  # GS r 1
FEED = b"\x1bJ"  # ESC J n: so many rows
CUT = b"\x1dVB\x00"  # GS V 66 0: the printer itself feeds as far as its knife needs


class PrinterProfile(msgspec.Struct, frozen=True):
    """What a printer can do; the default is an 80 mm printer of the common command set.

    `answers`: it has a way back (a write-only clone has not). `reports`: it tells every change by itself. `clears`: DLE DC4 fn 8 is known.
    `done`: the best sign of the end that may be tried, for a printer that does not know it would print its bytes:
    marker (GS ( H), queued (GS r) or drain (two good rounds of DLE EOT). `escpos` is a profile of python-escpos.
    """

    columns: int = 48
    answers: bool = True
    reports: bool = True
    done: str = "marker"
    clears: bool = True
    code_dots: int = 6  # a module of the QR
    escpos: str = "TM-T20II"


PAPER_80 = PrinterProfile()
PAPER_58 = PrinterProfile(columns=32, escpos="NT-5890K")
PROFILES = {
    "80mm": PAPER_80,
    "58mm": PAPER_58,
    "80mm-write-only": PrinterProfile(answers=False, reports=False, done="drain", clears=False),
    "58mm-write-only": PrinterProfile(columns=32, answers=False, reports=False, done="drain", clears=False, escpos="NT-5890K"),
}


def question(n: int) -> bytes:
    """DLE EOT n, answered at once whatever the printer is doing."""
    return bytes((0x10, 0x04, n))


def mark_of(job: int) -> bytes:
    """The four bytes by which the printer will name this job; neighbours differ. Job 0 is a mark behind nothing."""
    return bytes(MARK_FIRST | job >> shift & 0x0F for shift in (12, 8, 4, 0))


def ask_done(mark: bytes) -> bytes:
    """GS ( H fn 48: tell when everything up to here is printed."""
    return b"\x1d(H\x06\x00\x30\x30" + mark


def job_bytes(lines: tuple[PrintLine, ...], profile: PrinterProfile) -> bytes:
    """The whole paper from ESC @ to the cut, without the sign of its end."""
    printer = Dummy(profile=profile.escpos)
    for line in lines:
        match line:
            case CodeLine(text):
                _picture(printer, code_image(text, profile.code_dots), "center")
            case TextLine(text, bold, tall) if text.isascii():
                printer.set(align="left", bold=bold, normal_textsize=not tall, double_height=tall)
                printer.textln(text)
            case TextLine():
                picture = line_image(line)
                _picture(printer, picture, "left")
                if picture.height < _LINE_ROWS:
                    printer._raw(FEED + bytes([_LINE_ROWS - picture.height]))  # noqa: SLF001 - python-escpos has no other word for it
    printer._raw(CUT)  # noqa: SLF001 - one knife for all
    reports = STATUS_ON_CHANGE if profile.reports else b""
    return INITIALIZE + reports + bytes(printer.output)


def _picture(printer: Dummy, image: Image.Image, align: str) -> None:
    """GS v 0 in bands."""
    printer.set(align=align)
    printer.image(image, impl="bitImageRaster", center=False, fragment_height=_BAND_ROWS)


def code_image(text: str, module_dots: int) -> Image.Image:
    """A QR at level L in alphanumeric mode with its four modules of quiet zone; black is 0."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_L, border=0)
    code.add_data(QRData(text, mode=MODE_ALPHA_NUM))
    code.make(fit=True)
    modules = code.get_matrix()
    picture = Image.new("1", (len(modules) + 8, len(modules) + 8), 1)
    for y, row in enumerate(modules):
        for x, dark in enumerate(row):
            if dark:
                picture.putpixel((x + 4, y + 4), 0)
    side = picture.width * module_dots
    return picture.resize((side, side), Image.Resampling.NEAREST)


def line_image(line: TextLine) -> Image.Image:
    """A line of text as the printer's own font would set it, as wide as it is: every character in its cell or two."""
    width, height = CELL_DOTS
    columns = -(-cells(line.text) // 2) * 2  # whole bytes a row
    picture, x = Image.new("1", (columns * width, height), 1), 0
    for character in line.text:
        picture.paste(_glyph(character, line.bold), (x, 0))
        x += cells(character) * width
    if line.tall:
        picture = picture.resize((picture.width, 2 * height), Image.Resampling.NEAREST)
    return _harmless(picture)


@lru_cache(maxsize=1024)
def _glyph(character: str, bold: bool) -> Image.Image:
    """A character in its own cells: centred, or where a stroke would reach over an edge, moved in from it."""
    width, height = CELL_DOTS
    across = cells(character) * width
    font = _font(*(_WIDE_FONT if is_wide(character) else _NARROW_FONT)) or ImageFont.load_default(_NARROW_FONT[1])
    ground = Image.new("1", (across + 2 * width, height))
    for heavier in range(1 + bold):
        ImageDraw.Draw(ground).text((ground.width // 2 + heavier, height - _BASE), character, fill=255, font=font, anchor="ms")
    left, _, right, _ = ground.getbbox() or (width, 0, width, 0)
    start = max(width, right - across) if left >= width else left
    return ImageChops.invert(ground.crop((start, 0, start + across, height)))


def can_print(lines: tuple[PrintLine, ...]) -> bool:
    """Has this machine the font for every character? Without the one for Chinese, a paper would be rows of empty boxes."""
    wide = any(is_wide(character) for line in lines if isinstance(line, TextLine) for character in line.text)
    return not wide or _font(*_WIDE_FONT) is not None


@cache
def _font(name: str, points: int, face: int) -> ImageFont.FreeTypeFont | None:
    """None where this machine has no such font."""
    try:
        return ImageFont.truetype(name, points, face)
    except OSError:
        return None


def _harmless(picture: Image.Image) -> Image.Image:
    """A printer obeys DLE EOT, ENQ and DC4 even inside a picture: where its bytes would spell one, one more dot is blackened."""
    data = bytearray(byte ^ 0xFF for byte in picture.tobytes())
    for index in range(len(data) - 1):
        if data[index] == 0x10 and data[index + 1] in {0x04, 0x05, 0x14}:
            data[index] = 0x18
    return Image.frombytes("1", picture.size, bytes(byte ^ 0xFF for byte in data))
