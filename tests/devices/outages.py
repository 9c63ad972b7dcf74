"""Every row of the table of outages, brought about in a shop; and docs/outages.md, written from what the shop then says.

python -m tests.devices.outages
"""

from collections.abc import Iterator
from pathlib import Path

from kiosk.commands.findings import of_device
from kiosk.screens.customer import attract, out
from kiosk.vend import facts as f
from kiosk.vend import outage, seen
from kiosk.vend import passing as p
from kiosk.vend.bank import PosRequested, PosUnknown
from kiosk.vend.operators.tables import STATUS, devices
from kiosk.vend.outage import OUTAGES, Outage
from kiosk.vend.service import ServiceClosed, ServiceOpened
from kiosk.vend.sms import Texts
from kiosk.vend.trust import FloatGranted, KeyListInstalled, Locked, Unlocked
from kiosk.vend.view import View
from kiosk.vend.witness import Restored
from kiosk.words import text
from tests.house.tree import HOUSE
from tests.sale.shop import Card, Shop

PAGE = HOUSE / "docs/outages.md"
FAR_MS = 1 << 50
NUMBERED = {"fault": "fault-38", "fraud": "fraud-20"}
NAMES = {"notes": "notes", "coins": "coins", "bank": "bank card", "code": "code", "balance": "balance", "paper": "paper", "text": "text",
         "aloud": "voice", "glance": "displays"}  # fmt: skip
ROOMS = ("store", "rules", "service")  # no devices: staff read of them in a place of their own

Told = tuple[seen.Seen | f.Fact, ...]


def every_word() -> Iterator[tuple[Outage, str]]:
    """Each row with each of its words, as a driver would say it."""
    for row in OUTAGES:
        for code in row.codes:
            yield row, NUMBERED.get(code, code)


def up(device: str) -> Told:
    """What says that it is well."""
    match device:
        case "notes" | "coins":
            values = {"notes": (10_00, 20_00, 50_00, 100_00), "coins": (1_00,)}
            return (seen.AcceptorUp(device, f"SN-{device}", 0, 0, values[device]),)
        case "reader":
            return (seen.ReaderUp("bench"),)
        case "printer":
            return (seen.PrinterState("ok"),)
        case "terminal":
            return (f.DeviceRecovered("terminal"), seen.PosUp("terminal", "29000274"))
        case "keys":
            return (Unlocked("demo", "trade", "00" * 8, 1, 1, 0, ()),)
        case "service":
            return (ServiceOpened("014"),)
        case "rules":
            return (p.RulesLooked("", FAR_MS),)
    return (seen.DeviceUp(device),)


def down(device: str, code: str) -> Told:
    """What brings it about."""
    match device, code:
        case (("notes" | "coins"), "no_values"):
            return (seen.AcceptorUp(device, f"SN-{device}", 0, 0, ()),)
        case (("notes" | "coins"), _):
            return (seen.AcceptorDown(device, code),)
        case "reader", _:
            return (seen.ReaderDown(code),)
        case "printer", _:
            return (seen.PrinterState(code),)
        case "terminal", "full" | "diagnosis":
            return (f.DeviceFault("terminal", code), seen.PosUp("terminal", "29000274"))
        case "keys", "finishing":
            return (Unlocked("demo", "finish", "00" * 8, 1, 1, 0, ()),)
        case "keys", _:
            return (Locked("order"),)
        case "service", _:
            return (ServiceClosed("014", code),)
        case "rules", _:
            return (p.RulesLooked(code, FAR_MS, "" if code in ("float", "grant") else code),)
        case "store", _:
            return (Restored("notes", 1, 9),)
    return (seen.DeviceDown(device, code),)


def shop() -> Shop:
    """Everything is fitted, and well; no card is in."""
    here = Shop(texts=Texts(country="254"))
    for device in ("terminal", *outage.COMFORTS, "rules"):
        befall(here, up(device))
    return here


def befall(here: Shop, told: Told) -> None:
    for one in told:
        here._add((one,)) if isinstance(one, f.Fact) else here.tell(one)


TRULY: dict[str, Told] = {  # what makes an offline rule say so, and goes on to
    "disk": (seen.DiskSeen(0, 1 << 40),),
    "stopped": (KeyListInstalled(0, 1, ("K07",)),),
    "float": (FloatGranted(1, 1, FAR_MS, epoch=0),),
    "clock_step": (f.ClockStepped(3_600_000),),
    "keys": (Unlocked("demo", "trade", "00" * 8, 1, 1, 1, ()),),
}


def struck(here: Shop, device: str, code: str) -> Shop:
    """The same shop with that device saying that."""
    if (device, code) == ("terminal", "unknown"):
        unknown_payment(here)
    elif device == "rules" and code in TRULY:
        befall(here, TRULY[code])
        here.tell(seen.Tick())
    else:
        befall(here, down(device, code))
    return here


def lasting_word(row: Outage) -> str | None:
    """A word of the row that stands whatever else happens; None where a rule's cannot be brought about by itself."""
    found = [code for code in row.codes if row.device != "rules" or code in TRULY]
    return found[-1] if found else None


def unknown_payment(here: Shop) -> None:
    """A customer's payment by bank card of which nobody knows the end; the customer has gone."""
    here.insert(Card(serial="9988776655443322", meter="000099999999"))
    here.press("tender", "cash")
    assert here.state.sale
    sale = here.state.sale.id
    here._add((PosRequested(sale, "ab" * 8, 50_00), PosUnknown(sale, "ab" * 8, "silent")))
    here.press("cancel")
    here.pull()


# ---------------------------------------------------------------- the page


def customer_reads(view: View, well: View) -> str:
    """What the waiting screen says, beside what it says while all is well."""
    if view.phase == "out":
        return out.seen(view).second
    now, before = attract.seen(view), attract.seen(well)
    changed = [f"{label}: {value}" if value else label for label, value in now.ledger if (label, value) not in before.ledger]
    labels = {label for label, _ in now.ledger}
    changed += [f"no {label}" for label, _ in before.ledger if label not in labels]
    return "; ".join(changed)


def staff_read(here: Shop, device: str) -> str:
    """The plate and the cost in the overview."""
    found = next((one for one in devices(here.rules, here.state) if one.name == device), None)
    return f"{STATUS.get(found.code, 'BAD')}, {text('en', f'staff.costs.{found.costs}')}" if found else ""


def doctor_says(row: Outage) -> str:
    """The level, what it costs and where to look."""
    line = of_device(row.device, row.codes[0], "")
    return f"{line.level} {line.costs} {line.do}"


def lines() -> Iterator[str]:
    """The table: a line for each row of the code's, its words together where everybody reads the same of them."""
    well = shop()
    yield "| device | says | remains | customers read | staff read | `kiosk doctor` |"
    yield "|---|---|---|---|---|---|"
    for row in OUTAGES:
        read: dict[tuple[str, str], list[str]] = {}
        for code in row.codes:
            here = struck(shop(), row.device, NUMBERED.get(code, code))
            told = customer_reads(here.view, well.view), staff_read(here, row.device)
            read.setdefault(told, []).append(NUMBERED.get(code, code))
        remains = ", ".join(NAMES[service] for service in NAMES if service not in row.lost)
        doctor = "by its rule" if row.device in (*ROOMS, "keys") else "nothing" if not row.lost else doctor_says(row)
        for (customer, staff), codes in read.items():
            yield f"| {row.device} | {' '.join(codes)} | {remains} | {customer or '-'} | {staff or '-'} | {doctor} |"


def page(old: str) -> str:
    """The page with its table as it is now."""
    before = old[: old.index("| device |")]
    after = old[old.rindex("|\n") + 2 :]
    return before + "\n".join(lines()) + "\n" + after


if __name__ == "__main__":
    Path(PAGE).write_text(page(PAGE.read_text()))
