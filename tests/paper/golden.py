"""The five papers as files to be judged by a reader: `python -m tests.paper.golden` writes them anew, and the pictures in docs."""

from pathlib import Path

from kiosk import words
from kiosk.commands import receipt_sample
from kiosk.commands.receipt_sample import text_of
from kiosk.commands.receipt_samples import KINDS, sample

GOLDEN = Path(__file__).parent / "golden"
PICTURES = Path(__file__).parents[2] / "docs" / "receipts"
WIDTHS = (48, 32)


def golden(kind: str, language: str, width: int) -> Path:
    """Where the paper is as it was judged."""
    return GOLDEN / f"{kind}-{language}-{width}.txt"


if __name__ == "__main__":
    for every in KINDS:
        for spoken in words.languages():
            for columns in WIDTHS:
                golden(every, spoken, columns).write_text(text_of(sample(every, spoken), columns), "utf-8")
    for spoken in ("en", "zh"):
        receipt_sample.sample("all", language=spoken, width=32, png=PICTURES / f"{spoken}.png")
