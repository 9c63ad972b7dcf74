"""One View of each maintenance screen, as the desk would publish it: for pictures, and for the tests that walk all screens."""

from collections.abc import Mapping

from msgspec.structs import replace

from kiosk.vend import staff as st
from kiosk.vend.staff import Count, Field, Go, Key, Line, Moment, Money, Owed, Plain, Question, StaffView, Status, Table, Word
from kiosk.vend.view import View

OWED = Owed(box_minor=4350_00, sale_minor=0, claims_minor=150_00, claims=1, unsent_minor=2310_00, unsent_rows=12)
BARE = StaffView("home", operator="014", owed=OWED)
LEAVE, HOME = Key("clear", Word("leave"), st.said(st.Leave())), Key("clear", Word("back"), st.said(Go("home")))
NO, YES = Key("clear", Word("no"), st.said(st.No())), Key("enter", Word("yes"), st.said(st.Yes()))
NEXT = Key("enter", Word("page", {"page": 1, "pages": 25}), st.said(Go("journal", "all.2")))


def _go(cap: str, label: str, to: st.To, of: str = "", **params: str | int) -> Key:
    return Key(cap, Word(label, dict(params)), st.said(Go(to, of)))


def _do(cap: str, label: str, operation: st.Operation, on: str = "", **params: str | int) -> Key:
    return Key(cap, Word(label, dict(params)), st.said(st.Do(operation, on)))


def _at(clock: str) -> Moment:
    return Moment(f"2026-11-24 {clock}")


DEVICES = Table(
    ("device", "state", "since", "costs", "note"),
    (
        (Word("device.coins"), Status("JAM"), _at("13:58"), Word("costs.coins"), Plain("jammed")),
        (Word("device.printer"), Status("LOW"), _at("11:40"), Word("costs.nothing_yet"), Plain("")),
        (Word("device.reader"), Status("OK"), _at("06:00"), Word("costs.nothing"), Plain("")),
        (Word("device.notes"), Status("OK"), _at("06:00"), Word("costs.nothing"), Plain("")),
        (Word("device.keys"), Status("OK"), _at("06:01"), Word("costs.nothing"), Plain("")),
    ),
)
LOCKED = Table(
    DEVICES.columns,
    (
        (Word("device.keys"), Status("BAD"), _at("06:00"), Word("costs.all"), Plain("locked")),
        (Word("device.notes"), Status("FULL"), _at("12:10"), Word("costs.notes"), Plain("full")),
        (Word("device.printer"), Status("OUT"), _at("11:40"), Word("costs.paper"), Plain("out")),
        (Word("device.reader"), Status("OFF"), _at("13:02"), Word("costs.all"), Plain("offline")),
        (Word("device.modem"), Status("OFF"), _at("09:17"), Word("costs.text"), Plain("no_network")),
        (Word("device.display"), Status("OFF"), _at("06:00"), Word("costs.glance"), Plain("offline")),
        (Word("device.coins"), Status("WAIT"), _at("14:31"), Word("costs.coins"), Plain("starting")),
    ),
)
ROOMS = (
    _go("1", "tests", "tests"),
    _go("2", "cash", "cash"),
    _do("3", "paper", "paper.change"),
    _go("4", "cases", "cases", cases=1),
    _go("5", "receipts", "receipts"),
    _go("6", "reports", "reports"),
    _go("7", "keys", "keys"),
    _go("8", "post", "post"),
    _go("9", "service", "service"),
    LEAVE,
)
BOXES = Table(
    ("box", "state", "session", "since", "pieces", "sum"),
    (
        (Word("device.notes"), Status("OK"), Count(31), Moment("2026-11-20 15:02"), Count(87), Money(4320_00)),
        (Word("device.coins"), Status("OUT"), Count(30), Moment("2026-11-20 15:02"), Count(0), Money(0)),
    ),
)
SWAP = Question(
    Word("swap"),
    "CashBoxRemoved",
    (
        Line("device", Word("device.notes")),
        Line("session", Count(31)),
        Line("bag", Plain("00417")),
        Line("pieces", Count(87)),
        Line("sum", Money(4320_00)),
    ),
)
INSTALL = Question(
    Word("install"), "CashBoxInstalled", (Line("device", Word("device.notes")), Line("session", Count(32)), Line("box", Plain("1207")))
)
REPRINT = Question(
    Word("reprint"),
    "PrintStarted",
    (Line("receipt", Plain("K07-000122")), Line("copy", Count(2)), Line("operator", Plain("014"))),
)
CASES = Table(
    ("case", "since", "card", "sum", "what"),
    (
        (Plain("K07-000123"), _at("14:36"), Plain("7730"), Money(150_00), Word("case.claim")),
        (Plain("412"), _at("09:12"), Plain(""), Money(10_00), Word("case.orphan")),
        (Plain("398"), _at("08:55"), Plain(""), Money(50_00), Word("case.disputed")),
        (Plain(""), Plain(""), Plain(""), Word("case.unknown"), Word("case.stray")),
    ),
)
CASE = Table(
    ("line", "value"),
    (
        (Word("line.slip"), Plain("K07-000123-9F")),
        (Word("line.card"), Plain("7730")),
        (Word("line.meter"), Plain("5678")),
        (Word("line.purchase_no"), Plain("18-2")),
        (Word("line.sum"), Money(150_00)),
        (Word("line.since"), _at("14:36")),
        (Word("line.where"), Word("case.claim.where")),
        (Word("line.next"), Word("case.claim.next")),
    ),
)
PAYMENT = Table(
    ("line", "value"),
    (
        (Word("line.what"), Word("case.payment")),
        (Word("line.row"), Plain("1F3A9C")),
        (Word("line.at"), _at("14:21")),
        (Word("line.sum"), Money(100_00)),
        (Word("line.where"), Word("case.payment.where")),
        (Word("line.next"), Word("case.payment.next")),
    ),
)
SETTLE = Question(Word("terminal_settle"), "PosDeclined", (Line("operator", Plain("014")), Line("sum", Money(100_00))))
RECEIPT = Table(
    ("line", "value"),
    (
        (Word("line.receipt"), Plain("K07-000122")),
        (Word("line.since"), _at("14:33")),
        (Word("line.card"), Plain("7730")),
        (Word("line.paid"), Money(150_00)),
        (Word("line.to_card"), Money(140_00)),
        (Word("line.energy"), st.Energy(241_930)),
        (Word("line.copies"), Count(1)),
    ),
)
ALARM = Table(
    ("line", "value"),
    (
        (Word("line.what"), Word("case.alarm")),
        (Word("line.row"), Plain("398")),
        (Word("line.at"), _at("08:55")),
        (Word("line.sum"), Money(4320_00)),
        (Word("line.where"), Word("case.alarm.where")),
        (Word("line.next"), Word("case.alarm.next")),
    ),
)
DAY = Table(
    ("line", "count", "sum"),
    (
        (Word("report.notes"), Count(34), Money(1870_00)),
        (Word("report.coins"), Count(30), Money(30_00)),
        (Word("report.taken"), Count(41), Money(1900_00)),
        (Word("report.on_cards"), Count(40), Money(1575_00)),
        (Word("report.fees"), Plain(""), Money(120_00)),
        (Word("report.debt"), Plain(""), Money(55_00)),
        (Word("report.claims"), Count(1), Money(150_00)),
        (Word("report.given"), Plain(""), Money(1900_00)),
    ),
    1,
    2,
)
JOURNAL = Table(
    ("seq", "at", "fact", "about"),
    tuple((Plain(str(420 - n)), _at(f"14:{32 - n:02}"), Plain(kind), Plain("notes" if n % 2 else "")) for n, kind in enumerate(
        ("OperatorEntered", "SaleClosed", "CardVerified", "WriteStarted", "TenderClosed", "NoteStacked", "NoteEscrowed", "SaleOpened")
    )),
    1,
    25,
)  # fmt: skip
COUNTERS = Table(
    ("counter", "since_reset", "total"),
    (
        (Word("counter.notes"), Count(87), Count(10_412)),
        (Word("counter.coins"), Count(30), Count(3_114)),
        (Word("counter.sales"), Count(41), Count(5_020)),
        (Word("counter.energy"), st.Energy(4_291_300), st.Energy(510_022_000)),
        (Word("counter.papers"), Count(39), Count(4_981)),
        (Word("counter.faults"), Count(2), Count(87)),
        (Word("counter.restarts"), Count(0), Count(31)),
    ),
)
KEYS = Table(
    ("line", "value"),
    (
        (Word("line.trading"), Status("OK")),
        (Word("line.store"), Plain("1.4")),
        (Word("line.generation"), Plain("3")),
        (Word("line.until"), Moment("2027-01-31 00:00")),
        (Word("line.float"), Money(50_000_00)),
        (Word("line.roster"), Plain("1.7")),
        (Word("line.hotlist"), Moment("2026-11-23 18:00")),
        (Word("line.heard"), Moment("2026-11-23 18:20")),
    ),
)
POST = Table(
    ("post", "state", "since", "note"),
    (
        (Word("post.queue"), Count(3), Moment("2026-11-03 06:10"), Plain("")),
        (Word("post.https"), Status("BAD"), Moment("2026-11-22 23:58"), Word("post.why.unreachable")),
        (Word("post.stick"), Status("OK"), Moment("2026-11-20 09:30"), Word("post.export")),
        (Plain("00000118"), Status("OK"), Moment("2026-11-03 06:10"), Word("post.sent")),
        (Plain("00000119"), Status("BAD"), Moment("2026-11-03 06:25"), Word("post.refused")),
        (Plain("00000120"), Status("WAIT"), Moment("2026-11-24 14:20"), Word("post.waiting")),
    ),
)
RULES = Table(
    ("rule", "about", "state", "stands", "limit"),
    (
        (Plain("7"), Word("rule.hotlist"), Status("BAD"), Word("unit.hours", {"n": 170}), Word("unit.hours", {"n": 168})),
        (Plain("1"), Word("rule.float"), Status("LOW"), Money(1_200_00), Money(10_00)),
        (Plain("10"), Word("rule.keys"), Status("LOW"), Word("unit.hours", {"n": 200}), Plain("")),
        (Plain("2"), Word("rule.restored"), Status("OK"), Count(0), Count(1)),
        (Plain("12"), Word("rule.clock_floor"), Status("OK"), Word("unit.seconds", {"n": 0}), Word("unit.seconds", {"n": 120})),
        (Plain("18"), Word("rule.disk"), Status("OK"), Word("unit.mib", {"n": 51_000}), Word("unit.mib", {"n": 6_000})),
        (Plain("18"), Word("rule.unacked"), Status("OK"), Count(1_204), Count(100_000)),
        (Plain("24"), Word("rule.cash_box"), Status("OK"), Count(0), Count(0)),
    ),
    1,
    2,
)
STAFF: Mapping[str, StaffView] = {
    "number": StaffView("number", field=Field(Word("operator"), 3, 3), keys=(LEAVE,)),
    "pin": StaffView("pin", field=Field(Word("pin"), 6, 6, secret=True), keys=(LEAVE,)),
    "pin refused": StaffView("number", field=Field(Word("operator"), 3, 3), keys=(LEAVE,), notice=Word("refused")),
    "pin checked": StaffView("wait", busy=True),
    "paused": StaffView("number", field=Field(Word("operator"), 3, 3), keys=(LEAVE,), notice=Word("paused", {"minutes": 15})),
    "home": replace(BARE, table=DEVICES, keys=ROOMS),
    "home locked": replace(BARE, table=LOCKED, keys=ROOMS),
    "home not allowed": replace(BARE, table=DEVICES, keys=ROOMS, notice=Word("not_allowed")),
    "tests": replace(
        BARE,
        screen="tests",
        table=DEVICES,
        keys=(
            _do("1", "test.notes", "device.test", "notes"),
            _do("2", "test.reader", "device.test", "reader"),
            _do("3", "test.printer", "device.test", "printer"),
            _do("4", "test.screen", "device.test", "screen"),
            _do("5", "test.sound", "device.test", "sound"),
            _go("6", "counters", "counters"),
            HOME,
        ),
    ),
    "test notes": replace(BARE, screen="test", question=Question(Word("test.notes")), keys=(NO, YES), busy=True),
    "test screen": replace(BARE, screen="test", question=Question(Word("test.screen")), keys=(NO, YES), look="grid"),
    "test sound": replace(BARE, screen="test", question=Question(Word("test.sound")), keys=(NO, YES), look="sound"),
    "test over": replace(BARE, screen="tests", table=DEVICES, keys=(HOME,), notice=Word("test_ok", {"what": "50.00"})),
    "counters": replace(BARE, screen="counters", table=COUNTERS, keys=(_do("1", "reset", "counters.reset"), HOME)),
    "cash": replace(
        BARE,
        screen="cash",
        table=BOXES,
        keys=(
            _do("1", "swap.notes", "cash.box.swap", "notes"),
            _do("2", "install.coins", "cash.box.install", "coins"),
            _do("3", "slip.notes", "cash.box.slip", "notes"),
            _do("4", "slip.coins", "cash.box.slip", "coins"),
            HOME,
        ),
    ),
    "bag": replace(BARE, screen="bag", table=BOXES, field=Field(Word("bag"), 3, 12), keys=(HOME,)),
    "bag again": replace(BARE, screen="bag_again", table=BOXES, field=Field(Word("bag_again"), 3, 12), keys=(HOME,)),
    "bag differs": replace(BARE, screen="bag", table=BOXES, field=Field(Word("bag"), 3, 12), keys=(HOME,), notice=Word("bag_differs")),
    "bag used": replace(BARE, screen="bag", table=BOXES, field=Field(Word("bag"), 3, 12), keys=(HOME,), notice=Word("bag_used")),
    "swap": replace(BARE, screen="cash", question=SWAP, keys=(NO, YES)),
    "install": replace(BARE, screen="cash", question=INSTALL, keys=(NO, YES)),
    "box": replace(BARE, screen="box", table=BOXES, field=Field(Word("box"), 1, 8), keys=(HOME,), notice=Word("box_out")),
    "cases": replace(
        BARE,
        screen="cases",
        table=CASES,
        keys=(*(_go(str(n + 1), "case", "case", str(n), n=n + 1) for n in range(4)), HOME),
    ),
    "case": replace(BARE, screen="case", table=CASE, keys=(_do("7", "reprint", "receipt.reprint"), _go("clear", "back", "cases"))),
    "payment": replace(BARE, screen="case", table=PAYMENT, keys=(_do("1", "settle", "terminal.settle"), _go("clear", "back", "cases"))),
    "settle": replace(BARE, screen="case", question=SETTLE, keys=(NO, YES)),
    "alarm": replace(BARE, screen="case", table=ALARM, keys=(_go("clear", "back", "cases"),)),
    "case settled": replace(BARE, screen="case", keys=(_go("clear", "back", "cases"),)),
    "receipts": replace(BARE, screen="receipts", field=Field(Word("receipt"), 1, 6), keys=(HOME,)),
    "receipt": replace(BARE, screen="receipts", table=RECEIPT, keys=(_do("7", "reprint", "receipt.reprint"), HOME)),
    "reprint": replace(BARE, screen="receipts", question=REPRINT, keys=(NO, YES)),
    "receipt not found": replace(BARE, screen="receipts", field=Field(Word("receipt"), 1, 6), keys=(HOME,), notice=Word("no_receipt")),
    "reports": replace(
        BARE,
        screen="reports",
        keys=(
            _go("1", "day", "report", "2026-11-24"),
            _go("2", "yesterday", "report", "2026-11-23"),
            _go("3", "month", "report", "2026-11"),
            _go("4", "last_month", "report", "2026-10"),
            _go("5", "journal", "journal"),
            HOME,
        ),
    ),
    "report": replace(
        BARE,
        screen="report",
        table=DAY,
        keys=(
            _do("1", "print", "report.day", "2026-11-24"),
            _go("clear", "back", "reports"),
            Key("enter", Word("page", {"page": 1, "pages": 2}), st.said(Go("report", "2026-11-24.2"))),
        ),
    ),
    "report read": replace(BARE, screen="report", keys=(_go("clear", "back", "reports"),), busy=True),
    "journal": replace(
        BARE,
        screen="journal",
        table=JOURNAL,
        keys=(
            *(
                _go(str(n), f"filter.{kind}", "journal", f"{kind}.1")
                for n, kind in enumerate(("all", "money", "card", "device", "staff"), 1)
            ),
            HOME,
            NEXT,
        ),
    ),
    "service": replace(
        BARE,
        screen="service",
        table=DEVICES,
        keys=(
            _do("1", "close.maintenance", "service.close", "maintenance"),
            _do("2", "close.cash", "service.close", "cash"),
            _do("3", "clock", "clock.set"),
            _do("4", "restart", "restart"),
            HOME,
        ),
    ),
    "closed": replace(
        BARE,
        screen="service",
        service="maintenance",
        table=DEVICES,
        keys=(_do("1", "open", "service.open"), _do("3", "clock", "clock.set"), _do("4", "restart", "restart"), HOME),
    ),
    "close": replace(
        BARE,
        screen="service",
        question=Question(Word("service_close"), "ServiceClosed", (Line("operator", Plain("014")), Line("why", Word("why.maintenance")))),
        keys=(NO, YES),
    ),
    "paper": replace(BARE, question=Question(Word("paper_change"), "OperatorDid", (Line("operator", Plain("014")),)), keys=(NO, YES)),
    "restart": replace(
        BARE, screen="service", question=Question(Word("restart"), "OperatorDid", (Line("operator", Plain("014")),)), keys=(NO, YES)
    ),
    "clock": replace(BARE, screen="clock", field=Field(Word("clock"), 12, 12), keys=(HOME,)),
    "keys": replace(BARE, screen="keys", table=KEYS, keys=(_do("1", "unlock", "keys.unlock"), _go("2", "rules", "rules"), HOME)),
    "keys refused": replace(BARE, screen="keys", table=KEYS, keys=(HOME,), notice=Word("boot_pin")),
    "post": replace(
        BARE,
        screen="post",
        table=POST,
        keys=(_do("1", "sync_now", "sync.now"), _do("2", "sync_export", "sync.export"), _do("3", "sync_import", "sync.import"), HOME),
        notice=Word("post_not_now"),
    ),
    "boot": replace(BARE, screen="boot", field=Field(Word("boot_pin"), 6, 8, secret=True), keys=(_go("clear", "back", "keys"),)),
    "rules": replace(
        BARE,
        screen="rules",
        table=RULES,
        keys=(_go("clear", "back", "keys"), Key("enter", Word("page", {"page": 1, "pages": 2}), NEXT.told)),
    ),
    "second": replace(BARE, screen="second", field=Field(Word("second"), 3, 3), keys=(HOME,)),
    "second pin": replace(BARE, screen="second_pin", field=Field(Word("pin"), 6, 6, secret=True), keys=(HOME,)),
}


def staff_views() -> Mapping[str, View]:
    """By name. An entry has 30 s, a session the 102 s of the drawing."""
    whole = {"number", "pin", "wait"}
    return {
        name: View(
            "staff",
            kiosk="K07",
            languages=("en", "zh", "fr", "sw"),
            staff=view,
            ends_in_ms=30_000 if view.screen in whole else 102_000,
            span_ms=30_000 if view.screen in whole else 120_000,
            params={"phone": "0800 123 456"},
        )
        for name, view in STAFF.items()
    }
