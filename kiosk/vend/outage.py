"""What a customer has not while something is down: one table, for the sale, every screen, `kiosk doctor` and docs/outages.md.

A row names a device, the words that it may say, and the services that are lost while it says one of them. What remains is what no row
takes away; where none of `MONEY` remains the machine is out of service. A word that no row knows counts as the device's first row.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, get_args

import msgspec

from kiosk.vend.state import State
from kiosk.vend.till import COUNTER_BACK

Service = Literal["notes", "coins", "bank", "code", "balance", "paper", "text", "aloud", "glance"]
MONEY: tuple[Service, ...] = ("notes", "coins", "bank")
BUYING: tuple[Service, ...] = (*MONEY, "code")


class Outage(msgspec.Struct, frozen=True):
    """One row. `why`: what it is called on the screen of a machine that is out of service for it (`out.second_WHY`); "" of the others.

    Its sentences for staff, in every language: `outage.costs.DEVICE`, what the customer has not, and `outage.look.DEVICE`, where to look.
    """

    device: str
    codes: tuple[str, ...]
    lost: tuple[Service, ...]
    why: str = ""

    @property
    def stops(self) -> bool:
        """Does no money go in while it stands, whatever else works?"""
        return set(MONEY) <= set(self.lost)

    @property
    def costs(self) -> str:
        """The key of what the customer has not."""
        return f"outage.costs.{self.device}"

    @property
    def look(self) -> str:
        """The key of what staff look at."""
        return f"outage.look.{self.device}"


ACCEPTOR = ("starting", "offline", "jammed", "full", "removed", "swapped", "counter", "fraud", "fault", "driver", "no_values")
OUTAGES: tuple[Outage, ...] = (
    Outage("store", ("restored",), BUYING, "restored"),
    Outage("reader", ("starting", "service", "reader", "access"), (*BUYING, "balance"), "reader"),
    Outage("keys", ("locked", "finishing"), BUYING, "keys"),
    Outage("service", ("maintenance", "cash", "order"), BUYING, "service"),
    Outage("rules", ("offline", "hotlist", "tariff", "unacked", "stopped"), BUYING, "office"),
    Outage("rules", ("grant",), MONEY, "office"),
    Outage("rules", ("float",), MONEY, "sold_out"),
    Outage("rules", ("clock_floor", "clock_step", "clock_cards"), BUYING, "clock"),
    Outage("rules", ("disk",), BUYING, "journal"),
    Outage("rules", ("keys", "generation", "locked"), BUYING, "keys"),
    Outage("screen", ("hung",), ("notes", "coins")),
    Outage("notes", ACCEPTOR, ("notes",)),
    Outage("coins", ACCEPTOR, ("coins",)),
    Outage("terminal", ("starting", "offline", "full", "diagnosis", "unknown", "driver"), ("bank",)),
    Outage("printer", ("unknown", "out", "cover", "error", "offline"), ("paper",)),
    Outage("printer", ("low",), ()),
    Outage("modem", ("offline", "no_device", "no_network", "driver"), ("text",)),
    Outage("voice", ("no_device", "died", "driver"), ("aloud",)),
    Outage("display", ("offline", "driver"), ("glance",)),
    Outage("board", ("offline", "driver"), ("glance",)),
)
"""Those that cost most first; of several the first one's `why` is said."""

COMFORTS = ("modem", "voice", "display", "board")
DEVICES = tuple(dict.fromkeys(row.device for row in OUTAGES))
STOPPERS = tuple(device for device in DEVICES if any(row.why for row in OUTAGES if row.device == device))
_FIRST = {row.device: row for row in reversed(OUTAGES)}
_ROWS = {(row.device, code): row for row in OUTAGES for code in row.codes}
_TAKERS = {service: tuple(dict.fromkeys(row.device for row in OUTAGES if service in row.lost)) for service in get_args(Service)}
_PAID_AT = tuple(row.device for row in OUTAGES if len(row.lost) == 1 and row.lost[0] in MONEY)
_OTHER = Outage("other", (), ())


def of(device: str, code: str = "") -> Outage:
    """The row of a device that says `code`: fault-38 is a fault. One that is in no table costs the customer nothing that is known."""
    return _ROWS.get((device, code)) or _ROWS.get((device, code.partition("-")[0])) or _FIRST.get(device, _OTHER)


def paid_at(fitted: Iterable[str], down: Iterable[str] = ()) -> set[str]:
    """Which of these devices one can still pay at, by themselves."""
    return {device for device in _PAID_AT if device in fitted} - set(down)


# ---------------------------------------------------------------- what is down


def word(state: State, device: str) -> str:
    """What the device says now, "" while all is well."""
    says = _SAYS.get(device)
    return says(state) if says else state.faults.get(device, "")


def _acceptor(state: State, device: str) -> str:
    seen = state.here.acceptors.get(device)
    if state.till.box(device).gone:
        return "removed"
    if state.here.wary.until_ms:
        return "fraud"
    if seen is None:
        return "starting"
    return seen.code or (COUNTER_BACK if device in state.till.doubted else "" if seen.denominations else "no_values")


def _terminal(state: State) -> str:
    unknown = state.bank.open is not None and state.bank.open.stage == "unknown"
    return "starting" if state.here.pos.up is None else state.here.pos.up or ("unknown" if unknown else "")


_SAYS: dict[str, Callable[[State], str]] = {
    "reader": lambda state: state.here.reader,
    "notes": partial(_acceptor, device="notes"),
    "coins": partial(_acceptor, device="coins"),
    "terminal": _terminal,
    "printer": lambda state: "" if state.here.printer == "ok" else state.here.printer,
    "keys": lambda state: "" if state.trust.trades else "locked" if state.trust.locked else "finishing",
    "service": lambda state: state.service.closed,
    "store": lambda state: "restored" if state.witness.restored else "",
}
"""Who knows what these say; of every other device the journal has its last fault."""


def lasting(state: State) -> dict[str, str]:
    """What the journal alone says of devices: for whoever only reads it."""
    gone = {device: "removed" for device in ("notes", "coins") if state.till.box(device).gone}
    unknown = {"terminal": "unknown"} if state.bank.open and state.bank.open.stage == "unknown" else {}
    return {**gone, **unknown, **state.faults, **dict.fromkeys(state.till.doubted, COUNTER_BACK)}


def rows(state: State, devices: Iterable[str] = DEVICES) -> list[Outage]:
    """What stands now, in the table's order. The offline rules have two words: for money, and for codes."""
    found = []
    for device in devices:
        if device == "rules":
            found += [of(device, code) for code in dict.fromkeys((state.here.stop, state.here.code_stop)) if code]
        elif said := word(state, device):
            found.append(of(device, said))
    return found


def works(state: State, service: str) -> bool:
    """Does nothing take it away? A device that this machine has not is never up, so what needs it is not offered either."""
    return not any(service in row.lost for row in rows(state, _TAKERS[service]))


def takes(state: State, device: str) -> tuple[int, ...]:
    """The denominations that an acceptor knows, while nothing of its own keeps it from taking them; minor units. Staff test it so."""
    seen = state.here.acceptors.get(device)
    return seen.denominations if seen and not word(state, device) else ()


def costs(state: State, device: str) -> str:
    """What the customer has not for this device, in a word for staff: all | cash | a service | nothing_yet | nothing."""
    said = word(state, device)
    row = of(device, said)
    alone = device in _PAID_AT and not paid_at(_PAID_AT, filter(partial(word, state), _PAID_AT))
    if not said or not row.lost:
        return "nothing_yet" if said else "nothing"
    if row.stops or alone:
        return "all"
    return row.lost[0] if len(row.lost) == 1 else "cash"
