"""The product's core as a process of its own, with a card slot that is moved by words on standard input.

    python -m tests.apart.core run --core SOCKET --config FILE

`insert PATH` and `pull`, a line each. All the rest is `kiosk run --core`.
"""

import sys
import threading
from pathlib import Path

import kiosk.core as product
from kiosk.__main__ import main
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.sim.card import CardModel


def move(reader: InProcessReader) -> None:
    """The customer's hand, until it is taken away."""
    for line in sys.stdin:
        word, _, path = line.strip().partition(" ")
        if word == "insert":
            reader.insert(CardModel.open(Path(path)))
        else:
            reader.pull()


if __name__ == "__main__":
    SLOT = InProcessReader()
    threading.Thread(target=move, args=(SLOT,), daemon=True).start()
    setattr(product, "PcscReader", lambda _name: SLOT)  # noqa: B010 - the core composes its reader itself
    main()
