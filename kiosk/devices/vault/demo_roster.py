"""Who may do what at a demo kiosk: three operators whose PINs anyone may know. Refused on a kiosk that does not say `demo = true`."""

import msgspec

from kiosk.vend.operators.tree import Grant, Operator, Roster

TECHNICIAN, COLLECTOR, SUPERVISOR = ("014", "271828"), ("007", "314159"), ("021", "161803")
_HEAD = "$argon2id$v=19$m=65536,t=3,p=1$"
_OPERATORS = (
    Operator("014", f"{_HEAD}qyNexupmeOMeYKsWLXs+tA$3YUuUP0ouJDvUpq1B5OxDDD7zg6xz1h3xo/m9x0zkJ0", ("technician",)),
    Operator("007", f"{_HEAD}NUEzM3LOiTBmiqjHmqJVhQ$JWp5QGPMsGlRdeZN2cOpiLV44AT3h0mTVth1dlfI2mc", ("collector",)),
    Operator("021", f"{_HEAD}BAqDR7u+D/iDCuB8grUGGQ$mdoBG9L0eC1TItSo2SwD+soHs2S986Y52n48FCEwtOE", ("technician", "supervisor")),
)
_ROLES = {
    "technician": (
        "case", "cash.box", "cash.count", "clock", "counters", "device", "journal", "keys", "paper", "receipt", "report", "restart",
        "service",
    ),
    "collector": ("cash.box", "paper"),
    "supervisor": ("",),
}  # fmt: skip


def demo_roster() -> bytes:
    """The roster's body, as a head office would sign it, for every place."""
    grants = tuple(Grant(role, operation, "") for role, operations in _ROLES.items() for operation in operations)
    return msgspec.json.encode(Roster(_OPERATORS, grants))
