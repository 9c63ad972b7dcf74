"""Text from elsewhere, made fit for a terminal, which obeys some of what a journal, a card, a batch, a partner or a file may say.

What has no shape of its own stands as `?`: control characters, escape sequences, marks that turn the direction of writing, unknown signs.
"""

from unicodedata import category

SPACES = "Zs"
JOINERS = "\u200c\u200d"  # without a shape, but some scripts cannot be written without them


def line(text: str) -> str:
    """One line."""
    return text if text.isprintable() else "".join(sign if _shown(sign) else "?" for sign in text)


def lines(text: str) -> str:
    """The same, with its ends of lines and tabs."""
    return text if text.isprintable() else "".join(sign if sign in "\n\t" or _shown(sign) else "?" for sign in text)


def plain(text: str) -> str:
    """One line of ASCII, each sign as wide as the other: for columns."""
    return text if text.isascii() and text.isprintable() else "".join(sign if " " <= sign <= "~" else "?" for sign in text)


def json(data: bytes) -> str:
    """JSON of the same meaning: what a terminal might obey stands in it as an escape."""
    text = data.decode()
    return text if text.isprintable() else "".join(sign if sign in "\n\t" or _shown(sign) else _escaped(sign) for sign in text)


def _shown(sign: str) -> bool:
    return sign.isprintable() or sign in JOINERS or category(sign) == SPACES


def _escaped(sign: str) -> str:
    units = sign.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
