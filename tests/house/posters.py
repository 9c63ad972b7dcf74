"""The translators' command for words that are as large as the screen: letters that are not drawn by hand are made from a font.

    python -m tests.house.posters [FONT ...]

For each catalogue whose poster words (`writing.poster`, `take_card.poster`) have other letters than A to Z it writes `posters.txt`, in the
size of every screen's poster. Noto Sans CJK Bold (fonts-noto-cjk) is tried first, then the fonts that are named. A font's grey becomes
black and white by one threshold, after its strokes have been told from the gaps between them. LOOK at what comes out: `./run test` sees
that every word is there, and no more.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from unicodedata import east_asian_width

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from kiosk import words
from kiosk.screens import size
from kiosk.screens.poster import FILE, WORD, Dots, by_hand

NOTO = ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2)  # 2: the simplified Chinese forms
HEAD = "// Made by `python -m tests.house.posters` from {family}: poster words in dots, each in the size of every screen.\n"
NARROWEST = 0.6  # of a letter's own width: signs are set so, and it can still be read
CRISP = 0.4  # how much a dot is lifted above, or pressed below, its neighbours before the threshold
HALF = 128

Font = ImageFont.FreeTypeFont


class NoFont(Exception):
    """No font has these letters; the message says which."""


def needed(language: str) -> tuple[str, ...]:
    """The poster words of a catalogue that have to be made from a font."""
    said = (text for key, text in words.catalogue(language).items() if key.endswith(".poster"))
    return tuple(text for text in said if not by_hand(text))


def boxes() -> set[tuple[int, int]]:
    """Dots across and down that a poster has, at each size of the screen."""
    plans = [(each.inner - 2, each.poster.poster) for each in vars(size).values() if isinstance(each, size.Size)]
    return {(width, place[1] * 2) for width, place in plans if place}


def made(language: str, fonts: Iterable[tuple[str, int]] = (NOTO,)) -> str:
    """The text of a catalogue's posters.txt; empty where it needs none. Raises NoFont."""
    if not (texts := needed(language)):
        return ""
    font = font_for("".join(texts), fonts)
    blocks = []
    for text in texts:
        sizes = {rendered(text, width, tall, font) for width, tall in boxes()}
        blocks += ["\n".join([WORD + text, *dots, ""]).replace(" ", ".") for dots in sorted(sizes, key=lambda dots: len(dots[0]))]
    return "\n".join([HEAD.format(family=font.getname()[0]), *blocks])


def rendered(text: str, width: int, tall: int, font: Font) -> Dots:
    """The words in dots, as large as the box holds; in two lines, where there are two words."""
    halves = [(text[:at], text[at + 1 :]) for at, char in enumerate(text) if char == " "]
    if not halves:
        return _line(text, width, tall, font)
    best = min(halves, key=lambda pair: max(map(len, pair)))
    upper, lower = (_line(half, width, tall // 2 - 1, font) for half in best)
    across = max(len(upper[0]), len(lower[0]))
    return tuple(line.center(across) for line in (*upper, "", "", *lower))


def _line(text: str, width: int, tall: int, font: Font) -> Dots:
    """One line in dots: ideographs a dot apart, two where there is room, other scripts as the font sets them."""
    parts = list(text) if all(east_asian_width(char) in "WF" for char in text) else [text]
    room = (width - len(parts) + 1) // len(parts)
    for pixels in range(2 * tall, 5, -1):
        font = font.font_variant(size=pixels)
        left, top, right, foot = _ink(parts, font)
        if foot - top <= tall and room >= (right - left) * NARROWEST:
            break
    cell = min(right - left, room)
    glyphs = [_glyph(part, font, (top, foot), cell / (right - left)) for part in parts]
    apart = " " * (2 if len(parts) * (cell + 2) - 2 <= width else 1)
    lines = [apart.join(glyph[row].center(cell) for glyph in glyphs) for row in range(foot - top)]
    inked = [row for row, line in enumerate(lines) if line.strip()]
    return tuple(lines[inked[0] : inked[-1] + 1])


def font_for(letters: str, fonts: Iterable[tuple[str, int]]) -> Font:
    """The first font that has all of the letters."""
    for path, index in fonts:
        if Path(path).exists():
            font = ImageFont.truetype(path, 20, index)
            blank = bytes(font.getmask("\uffff"))
            if all(char == " " or bytes(font.getmask(char)) != blank for char in letters):
                return font
    raise NoFont(f"No font here has {letters}; apt install fonts-noto-cjk, or name one that has.")


def _ink(parts: list[str], font: Font) -> tuple[int, int, int, int]:
    """The least box, from the pen's place, that holds each of the parts."""
    found = [font.getbbox(part) for part in parts]
    return tuple(int(side(box[at] for box in found)) for at, side in enumerate((min, min, max, max)))  # type: ignore[return-value]


def _glyph(part: str, font: Font, frame: tuple[int, int], squeeze: float) -> Dots:
    """One part in dots, `frame` of its rows, as narrow as `squeeze` says. The font's hints keep its lines across on whole rows."""
    left, _, right, _ = font.getbbox(part)
    top, foot = frame
    grey = Image.new("L", (int(right - left), foot - top))
    ImageDraw.Draw(grey).text((-left, -top), part, font=font, fill=255)
    grey = grey.resize((max(1, round(grey.width * squeeze)), grey.height), Image.Resampling.BOX)
    around = Image.new("L", (grey.width + 2, grey.height + 2))
    around.paste(grey, (1, 1))
    around = around.filter(ImageFilter.BoxBlur(1)).crop((1, 1, grey.width + 1, grey.height + 1))
    values = [ink + CRISP * (ink - near) >= HALF for ink, near in zip(grey.tobytes(), around.tobytes(), strict=True)]
    rows = [values[row * grey.width : (row + 1) * grey.width] for row in range(grey.height)]
    return tuple("".join("#" if dot else " " for dot in row) for row in rows)


def main(fonts: list[str]) -> int:
    """Write the file of each catalogue that needs one, and take away the others."""
    for language in words.languages():
        path = words.LOCALE / language / FILE
        try:
            text = made(language, (NOTO, *((font, 0) for font in fonts)))
        except NoFont as error:
            sys.stderr.write(f"{language}: {error}\n")
            return 1
        if text:
            path.write_text(text, "utf-8")
        else:
            path.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
