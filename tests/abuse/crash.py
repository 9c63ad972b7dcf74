"""The product's core, which fails with its keys in its hands.

python -m tests.abuse.crash run --core SOCKET --config FILE
"""

from pathlib import Path

import kiosk.core as product
from kiosk.__main__ import main
from kiosk.devices.vault.station import FileStation, open_station


def fails(path: Path) -> FileStation:
    """Opens the store, and errs."""
    raw, station = path.read_bytes(), open_station(path)
    raise RuntimeError(f"{len(raw)} bytes of {station}")


if __name__ == "__main__":
    setattr(product, "open_station", fails)  # noqa: B010 - the core composes its station itself
    main()
