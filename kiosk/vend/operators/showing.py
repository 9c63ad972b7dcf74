"""State -> StaffView: the maintenance screen that stands, with what may be pressed on it. What an operator may not do is not offered."""

from datetime import date, timedelta

from msgspec.structs import replace

from kiosk.vend import fitted, handing_in
from kiosk.vend import staff as st
from kiosk.vend.cash import box_minor
from kiosk.vend.operators import acts
from kiosk.vend.operators.rulings import rules_table
from kiosk.vend.operators.standing import Staff
from kiosk.vend.operators.tables import boxes_table, case_of, case_table, cases, cases_table, devices_table, keys_table
from kiosk.vend.operators.trials import DEVICES, LOOKED_AT
from kiosk.vend.rules import Now, Rules
from kiosk.vend.staff import Cell, Count, Field, Key, Line, Money, Owed, Plain, Question, StaffView, Table, Word
from kiosk.vend.state import State
from kiosk.vend.till import CASH

Keys = tuple[Key, ...]
FIELDS = {
    "number": Field(Word("operator"), st.OPERATOR_DIGITS, st.OPERATOR_DIGITS),
    "second": Field(Word("second"), st.OPERATOR_DIGITS, st.OPERATOR_DIGITS),
    "pin": Field(Word("pin"), st.PIN_DIGITS, st.PIN_DIGITS, secret=True),
    "second_pin": Field(Word("pin"), st.PIN_DIGITS, st.PIN_DIGITS, secret=True),
    "bag": Field(Word("bag"), 3, 12),
    "bag_again": Field(Word("bag_again"), 3, 12),
    "box": Field(Word("box"), 1, 8),
    "receipts": Field(Word("receipt"), 1, 6),
    "clock": Field(Word("clock"), 12, 12),
    "boot": Field(Word("boot_pin"), st.PIN_DIGITS, st.BOOT_PIN_DIGITS, secret=True),
}
BACK: dict[str, st.To] = {
    "counters": "tests", "case": "cases", "report": "reports", "journal": "reports", "bag": "cash", "bag_again": "cash", "box": "cash",
    "clock": "service", "second": "home", "second_pin": "home", "boot": "keys", "rules": "keys",
}  # fmt: skip
FILTERS = ("all", "money", "card", "device", "staff")
_YES, _NO = Key("enter", Word("yes"), st.said(st.Yes())), Key("clear", Word("no"), st.said(st.No()))
_LEAVE = Key("clear", Word("leave"), st.said(st.Leave()))


def staff_view(rules: Rules, state: State, now: Now) -> StaffView | None:
    """The screen; None where no staff stand."""
    staff = state.here.staff
    if not staff.screen:
        return None
    inside = bool(state.operators.operator)
    counted = acts.allowed(rules, state, "cash.count", now)
    question = _question(rules, state, staff, counted=counted)
    table = _paged(_table(rules, state, staff, now), staff.page) if inside and not question else None
    field = None if question or staff.found.table else FIELDS.get(staff.screen)
    return StaffView(
        screen=staff.screen,
        operator=state.operators.operator,
        service=state.service.closed,
        owed=owed(state, counted=counted) if inside else None,
        table=table,
        keys=_keys(rules, state, staff, now, table) if not question else (_NO, _YES),
        question=question,
        field=field,
        notice=staff.notice,
        busy=bool(staff.read or staff.checking or state.here.printing),
        look=LOOKED_AT.get(staff.test, ""),
        story=staff.found.story if inside and not question else None,
        zone=rules.offset(now.at_ms),
    )


def owed(state: State, *, counted: bool) -> Owed:
    """The machine's own money. What is in the box is for whoever may know it; what the office has not heard of lies in there."""
    boxes = sum(box_minor(state, device) for device in state.boxes)
    claims = sum(claim.tender_minor for claim in state.claims.values())
    return Owed(boxes if counted else None, 0, claims, len(state.claims), state.unsent_minor if counted else None, state.sent.unsent_rows)


def _paged(table: Table | None, page: int) -> Table | None:
    if table is None:
        return None
    pages = max(1, -(-len(table.rows) // st.ROWS_A_PAGE))
    page = min(page, pages)
    return replace(table, rows=table.rows[(page - 1) * st.ROWS_A_PAGE : page * st.ROWS_A_PAGE], page=page, pages=pages)


def _table(rules: Rules, state: State, staff: Staff, now: Now) -> Table | None:
    match staff.screen:
        case "home" | "tests" | "service":
            return devices_table(rules, state)
        case "cash" | "bag" | "bag_again" | "box":
            return boxes_table(rules, state, counted=acts.allowed(rules, state, "cash.count", now))
        case "cases":
            return cases_table(rules, state)
        case "case":
            return case_table(rules, state, staff.of)
        case "keys":
            return keys_table(rules, state, now)
        case "rules":
            return rules_table(rules, state, now)
    return staff.found.table


# ---------------------------------------------------------------- what may be pressed


def _keys(rules: Rules, state: State, staff: Staff, now: Now, table: Table | None) -> Keys:
    """In their fixed places; CLEAR last but one, ENTER turns the page."""
    if staff.screen == "wait":
        return ()
    if not state.operators.operator:
        return (_LEAVE,)
    offered = tuple(key for key in _offered(rules, state, staff, now, table) if _may(rules, state, key, now))
    back = _LEAVE if staff.screen == "home" else _go("clear", "back", BACK.get(staff.screen, "home"))
    return (*offered, back, *_next_page(staff, table))


def _next_page(staff: Staff, table: Table | None) -> Keys:
    """ENTER goes round through the pages."""
    if table is None or table.pages < 2 or staff.screen not in st.SCREENS:
        return ()
    page = table.page % table.pages + 1
    return (Key("enter", Word("page", {"page": table.page, "pages": table.pages}), st.said(st.Go(staff.screen, f"{staff.of}.{page}"))),)


def _may(rules: Rules, state: State, key: Key, now: Now) -> bool:
    order = st.order_of(key.told)
    return not isinstance(order, st.Do) or acts.allowed(rules, state, order.operation, now)


def _go(cap: str, label: str, to: st.To, of: str = "", **params: int) -> Key:
    return Key(cap, Word(label, dict(params)), st.said(st.Go(to, of)))


def _do(cap: str, label: str, operation: st.Operation, on: str = "") -> Key:
    return Key(cap, Word(label), st.said(st.Do(operation, on)))


def _offered(rules: Rules, state: State, staff: Staff, now: Now, table: Table | None) -> Keys:
    match staff.screen:
        case "home":
            return _rooms(state)
        case "tests":
            tests = tuple(_do(str(n), f"test.{name}", "device.test", name) for n, name in enumerate(DEVICES, 1))
            return (*tests, _go(str(len(DEVICES) + 1), "counters", "counters"))
        case "counters" | "keys" | "post":
            return _fixed(staff.screen)
        case "cash":
            return _cash(rules, state)
        case "cases" if table:
            first = (table.page - 1) * st.ROWS_A_PAGE
            here = cases(state)[first : first + st.ROWS_A_PAGE]
            return tuple(_go(str(n), "case", "case", case.of, n=n) for n, case in enumerate(here, 1))
        case "case" if handing_in.may_settle(state) and staff.of == case_of(state.bank.open):
            return (_do("1", "settle", "terminal.settle"),)
        case "case" | "receipts" if staff.found.again:
            return (_do("7", "reprint", "receipt.reprint"),)  # a story has the rows above it
        case "reports":
            return _reports(rules.business_date(now.at_ms), day_end=handing_in.may(state))
        case "report" if staff.found.paper:
            return (_do("1", "print", "report.day" if len(staff.of) > len("2026-11") else "report.month"),)
        case "journal":
            return tuple(_go(str(n), f"filter.{name}", "journal", name) for n, name in enumerate(FILTERS, 1))
        case "service":
            return _service(state)
    return ()


def _fixed(screen: str) -> Keys:
    if screen == "post":
        return (_do("1", "sync_now", "sync.now"), _do("2", "sync_export", "sync.export"), _do("3", "sync_import", "sync.import"))
    if screen == "keys":
        return (_do("1", "unlock", "keys.unlock"), _go("2", "rules", "rules"))
    return (_do("1", "reset", "counters.reset"),)


def _rooms(state: State) -> Keys:
    open_cases = len(cases(state))
    return (
        _go("1", "tests", "tests"),
        _go("2", "cash", "cash"),
        _do("3", "paper", "paper.change"),
        _go("4", "cases", "cases", cases=open_cases),
        _go("5", "receipts", "receipts"),
        _go("6", "reports", "reports"),
        _go("7", "keys", "keys"),
        _go("8", "post", "post"),
        _go("9", "service", "service"),
    )


def _cash(rules: Rules, state: State) -> Keys:
    here = [device for device in CASH if device in rules.acceptors]
    moves = [
        _do(str(n), f"install.{device}", "cash.box.install", device)
        if state.till.box(device).out
        else _do(str(n), f"swap.{device}", "cash.box.swap", device)
        for n, device in enumerate(here, 1)
    ]
    slips = [_do(str(n), f"slip.{device}", "cash.box.slip", device) for n, device in enumerate(here, 3) if device in state.till.last]
    strangers = [
        _do(str(n), f"enrol.{device}", "device.enrol", device) for n, device in enumerate(here, 5) if fitted.stranger(state, device)
    ]
    return (*moves, *slips, *strangers)


def _reports(business_date: str, *, day_end: bool) -> Keys:
    today = date.fromisoformat(business_date)
    last_month = today.replace(day=1) - timedelta(days=1)
    return (
        _go("1", "day", "report", today.isoformat()),
        _go("2", "yesterday", "report", (today - timedelta(days=1)).isoformat()),
        _go("3", "month", "report", f"{today:%Y-%m}"),
        _go("4", "last_month", "report", f"{last_month:%Y-%m}"),
        _go("5", "journal", "journal", "all"),
        *((_do("6", "day_end", "terminal.day_end"),) if day_end else ()),
    )


def _service(state: State) -> Keys:
    turn = (
        (_do("1", "open", "service.open"),)
        if state.service.closed
        else (_do("1", "close.maintenance", "service.close", "maintenance"), _do("2", "close.cash", "service.close", "cash"))
    )
    return (*turn, _do("3", "clock", "clock.set"), _do("4", "restart", "restart"))


# ---------------------------------------------------------------- questions


def _question(rules: Rules, state: State, staff: Staff, *, counted: bool) -> Question | None:
    """What ENTER will write down, or what a test asks for."""
    if staff.test:
        return Question(Word(f"test.{staff.test}"))
    asked = staff.asked
    if asked is None or staff.screen in ("second", "second_pin", "wait"):
        return None
    who = Line("operator", Plain(state.operators.operator))
    match asked.operation:
        case "cash.box.swap":
            fact = acts.removal(state, staff, asked.on, (state.operators.operator,))
            pieces = sum(tender.pieces for tender in fact.pieces) + fact.unknown
            lines = (Line("device", Word(f"device.{asked.on}")), Line("session", Count(fact.session)), Line("bag", Plain(fact.bag)))
            sums = (Line("pieces", Count(pieces)), Line("sum", Money(fact.minor))) if counted else ()
            return Question(Word("swap"), "CashBoxRemoved", (*lines, *sums))
        case "cash.box.install":
            session = state.till.box(asked.on).session + 1
            lines = (Line("device", Word(f"device.{asked.on}")), Line("session", Count(session)), Line("box", Plain(staff.typed)))
            return Question(Word("install"), "CashBoxInstalled", lines)
        case "device.enrol":
            lines = (Line("device", Word(f"device.{asked.on}")), Line("serial", Plain(staff.typed)), who)
            return Question(Word("enrol"), "AcceptorEnrolled", lines)
        case "service.close":
            return Question(Word("service_close"), "ServiceClosed", (who, Line("why", Word(f"why.{asked.on}"))))
        case "service.open":
            return Question(Word("service_open"), "ServiceOpened", (who,))
        case "terminal.day_end":
            lines = (who, Line("payments", Count(state.bank.payments)), Line("sum", Money(state.bank.amount_minor)))
            return Question(Word("terminal_day_end"), "PosDayEnded", lines)
        case "terminal.settle" if at := state.bank.open:
            return Question(Word("terminal_settle"), "PosDeclined", (who, Line("sum", Money(at.amount_minor))))
        case "receipt.reprint" if again := staff.found.again:
            number: Cell = Plain(f"{rules.kiosk}-{again.number:06d}")
            return Question(Word("reprint"), "PrintStarted", (Line("receipt", number), Line("copy", Count(again.copy)), who))
    return Question(Word(asked.operation.replace(".", "_")), "OperatorDid", (who, *((Line("on", Plain(asked.on)),) if asked.on else ())))
