"""The translators' command for words that are as large as the screen: letters that are not drawn by hand are made from a font.

    python -m tests.house.posters [FONT ...]

For each catalogue whose poster words (`writing.poster`, `take_card.poster`) have other letters than A to Z it writes `posters.txt`, in the
size of every screen's poster. Noto Sans CJK Bold (fonts-noto-cjk) is tried first, then the fonts that are named. LOOK at what comes out:
the tests see that every word is there and fits, and no more.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from unicodedata import east_asian_width

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from kiosk import words
from kiosk.screens import size
from kiosk.screens.poster import FILE, WORD, Dots, by_hand

NOTO = ("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", 2)  # 2: the simplified Chinese forms
HEAD = "// Made by `python -m tests.house.posters` from {family}: poster words in dots, each in the size of every screen.\n"
NARROWEST = 0.6  # of a letter's own width: signs are set so, and it can still be read
CRISP = 0.2  # how much a dot is lifted above, or pressed below, its neighbours before the threshold
HALF, LEAST = 128, 112  # of 255 that is covered: of a dot among others, and of any dot
EM = 400  # pixels that a letter is drawn with before it becomes dots
FINE = 8  # places that a letter is tried at, within one dot
Font = ImageFont.FreeTypeFont


class NoFont(Exception):
    """No font has these letters; the message says which."""


def needed(language: str) -> tuple[str, ...]:
    """The poster words of a catalogue that have to be made from a font."""
    said = (text for key, text in words.catalogue(language).items() if key.endswith(".poster"))
    return tuple(text for text in said if not by_hand(text))


def boxes() -> set[tuple[int, int]]:
    """Dots across and down that a poster has, at each size of the screen, less one for air."""
    plans = [(each.inner - 2, each.poster.poster) for each in vars(size).values() if isinstance(each, size.Size)]
    return {(width, place[1] * 2 - 1) for width, place in plans if place}


def made(language: str, fonts: Iterable[tuple[str, int]] = (NOTO,)) -> str:
    """The text of a catalogue's posters.txt; empty where it needs none. Raises NoFont."""
    if not (texts := needed(language)):
        return ""
    font = font_for("".join(texts), fonts)
    blocks = []
    for text in texts:
        sizes = {rendered(text, width, tall, font) for width, tall in boxes()}
        ordered = sorted(sizes, key=lambda dots: len(dots[0]))
        blocks += ["\n".join([WORD + text, *(line.replace(" ", ".") for line in dots), ""]) for dots in ordered]
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
    boxes = [font.getbbox(part) for part in parts]
    top, foot = min(box[1] for box in boxes), max(box[3] for box in boxes)
    widest = max(box[2] - box[0] for box in boxes)
    room = (width - len(parts) + 1) // len(parts)
    high = min(tall, int(room / NARROWEST * (foot - top) / widest))
    cell = min(room, round(high * widest / (foot - top)))
    glyphs = [
        _glyph(part, font, (top, foot), (max(1, round(cell * (box[2] - box[0]) / widest)), high))
        for part, box in zip(parts, boxes, strict=True)
    ]
    apart = " " * (2 if len(parts) * (cell + 2) - 2 <= width else 1)
    return tuple(apart.join(glyph[row].center(cell) for glyph in glyphs) for row in range(high))


def font_for(letters: str, fonts: Iterable[tuple[str, int]]) -> Font:
    """The first font that has all of the letters."""
    for path, index in fonts:
        if Path(path).exists():
            font = ImageFont.truetype(path, EM, index)
            blank = bytes(font.getmask("\uffff"))
            if all(char == " " or bytes(font.getmask(char)) != blank for char in letters):
                return font
    raise NoFont(f"No font here has {letters}; apt install fonts-noto-cjk, or name one that has.")


def _glyph(part: str, font: Font, frame: tuple[float, float], size: tuple[int, int]) -> Dots:
    """One part, `frame` of the font's rows, in `size` dots: of all places less than a dot away, where the fewest dots are half covered."""
    left, _, right, _ = font.getbbox(part)
    ink = Image.new("L", (int(right - left), int(frame[1] - frame[0])))
    ImageDraw.Draw(ink).text((-left, -frame[0]), part, font=font, fill=255)
    less = [(narrower, lower) for narrower in range(0, FINE + 1, 2) for lower in range(0, FINE + 1, 2)]
    placed = (grey for each in less for grey in _placed(ink, size, each))
    return _black_and_white(max(placed, key=lambda grey: sum((dot - HALF) ** 2 for dot in grey.tobytes())))


def _placed(ink: Image.Image, size: tuple[int, int], less: tuple[int, int]) -> Iterator[Image.Image]:
    """The ink as the grey of its dots, smaller by `less` FINEths of a dot, in each place where it is inside."""
    scaled = ink.resize((size[0] * FINE - less[0], size[1] * FINE - less[1]), Image.Resampling.BOX)
    for x in range(less[0] + 1):
        for y in range(less[1] + 1):
            sheet = Image.new("L", (size[0] * FINE, size[1] * FINE))
            sheet.paste(scaled, (x, y))
            yield sheet.resize(size, Image.Resampling.BOX)


def _black_and_white(grey: Image.Image) -> Dots:
    """Dots that are half covered or more, after each was lifted off its neighbours."""
    around = Image.new("L", (grey.width + 2, grey.height + 2))
    around.paste(grey, (1, 1))
    around = around.filter(ImageFilter.BoxBlur(1)).crop((1, 1, grey.width + 1, grey.height + 1))
    dots = "".join(
        "#" if ink >= LEAST and ink + CRISP * (ink - near) >= HALF else " "
        for ink, near in zip(grey.tobytes(), around.tobytes(), strict=True)
    )
    return tuple(dots[row * grey.width : (row + 1) * grey.width] for row in range(grey.height))


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
