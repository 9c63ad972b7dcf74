"""The product's core, but a demo's one operator has a PIN that stands in no source: it is given as a roster has it.

python -m tests.abuse.core ARGON2ID run --core SOCKET --config FILE
"""

import sys

import msgspec

import kiosk.core as product
from kiosk.__main__ import main
from kiosk.vend.operators.tree import Grant, Operator, Roster

if __name__ == "__main__":
    ROSTER = msgspec.json.encode(Roster((Operator("014", sys.argv.pop(1), ("technician",)),), (Grant("technician", "", ""),)))
    setattr(product, "demo_roster", lambda: ROSTER)  # noqa: B010 - the core composes its roster itself
    main()
