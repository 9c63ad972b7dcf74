"""Where the money of a case is now, what would change that, which rules hold, and who must act. All derived, all keys."""

from collections.abc import Iterator

from kiosk.vend.explain import whereabouts as w
from kiosk.vend.explain.case import Case
from kiosk.vend.explain.values import Holding, Place, Step

IN_DOUBT = (Place.MACHINE, Place.RETURNED)


def place(case: Case) -> tuple[Place, tuple[Place, ...]]:
    """(the place of the credited money, all that it can be where that is more than one)."""
    known = case.known
    if not case.tender_minor:
        return (Place.RETURNED if case.returned or case.reversed else Place.YOU), ()
    owed = Place.CLAIM if case.claimed and not case.settled else Place.MACHINE
    if known <= w.OWED:
        return owed, ()
    if known <= w.GIVEN:
        return (Place.METER, ()) if known == w.METER else (Place.CARD, (Place.CARD, Place.METER) if known == w.GIVEN else ())
    might = ((owed, w.OWED | w.HALF), (Place.CARD, w.CARD), (Place.METER, w.METER))
    return Place.BETWEEN, tuple(each for each, states in might if known & states)


def holdings(case: Case) -> tuple[Holding, ...]:
    """All money that this case is about, each sum once."""
    return (*_credited(case), *_beside(case)) or (Holding(Place.YOU, 0, "none", ()),)


def _credited(case: Case) -> Iterator[Holding]:
    if not case.tender_minor:
        return
    where, may_be = place(case)
    because = tuple(case.deciding) or (case.episodes[-1].seq,)
    if where not in (Place.CARD, Place.METER):
        yield Holding(where, case.tender_minor, _called(case, where), because, may_be)
        return
    yield Holding(where, case.credit_minor, str(where), because, may_be)
    if case.tender_minor > case.credit_minor:
        yield Holding(Place.UTILITY, case.tender_minor - case.credit_minor, "utility", because)


def _called(case: Case, where: Place) -> str:
    key = "machine"
    if where == Place.BETWEEN:
        key = "between" if case.known >= w.CARD else "between_passed"
    if where == Place.CLAIM:
        key = "claim_gone" if case.known == w.GONE else "claim"
    return _by_tender(case, key)


def _by_tender(case: Case, key: str) -> str:
    """A code's money is in no box here: it is the office's. Nor is a bank's."""
    return f"{key}_code" if case.coded else f"{key}_bank" if case.banked else key


def _beside(case: Case) -> Iterator[Holding]:
    """Notes and payments that are not credit, and money that no sale explains."""
    if case.asked:
        seq, _, minor = case.asked
        yield Holding(Place.UNKNOWN, minor, "bank_open", (seq,), (Place.YOU, Place.UTILITY))
    for seq, minor in case.reversed.items():
        yield Holding(Place.RETURNED, minor, "bank_back", (seq,))
    if case.held:
        seq, minor = case.held
        yield Holding(Place.UNKNOWN, minor, "held", (seq,), IN_DOUBT)
    for seq, minor in case.disputed.items():
        yield Holding(Place.UNKNOWN, minor, "in_doubt", (seq,), IN_DOUBT)
    for seq, minor in case.returned.items():
        yield Holding(Place.RETURNED, minor, "returned", (seq,))
    for seq, orphan in case.orphans.items():
        if orphan.amount_minor is None:
            yield Holding(Place.MACHINE, 0, "orphan_unknown", (seq,), params={"pieces": orphan.pieces})
        else:
            yield Holding(Place.MACHINE, orphan.amount_minor, "orphan", (seq,))


def changes(case: Case) -> tuple[str, ...]:
    """What one would have to see for another answer."""
    bank = ("bank",) if case.asked else ()
    return (*_changes_of_record(case), *bank, *(("box",) if case.disputed or case.held else ()), *(("box_orphan",) if case.orphans else ()))


def _changes_of_record(case: Case) -> tuple[str, ...]:
    where, _ = place(case)
    if where in (Place.YOU, Place.RETURNED):
        return ()
    if where == Place.METER:
        return ("nothing",)
    if where == Place.CARD:
        return ("taken",)
    if where == Place.BETWEEN and case.known >= w.CARD:
        return ("on_card", "in_meter", _by_tender(case, "free"), "other")
    if where == Place.BETWEEN:
        return ("rows_own", _by_tender(case, "rows_other"))
    if case.known == w.GONE:
        return ("moved",)
    return (_by_tender(case, "free"), "other") if case.ended else ("goes_on",)


def rules(case: Case) -> tuple[str, ...]:
    """The rules that decide this case."""
    where, _ = place(case)
    waits = where in (Place.CLAIM, Place.BETWEEN)
    found = (
        ("slot", waits or where == Place.MACHINE),
        ("move", waits),
        ("two", waits),
        ("verified", where in (Place.CARD, Place.METER)),
        ("stacked", bool(case.returned or case.disputed or case.held)),
        ("box", bool(case.disputed)),
        ("orphan", bool(case.orphans)),
    )
    return tuple(rule for rule, holds in found if holds)


def steps(case: Case) -> tuple[Step, ...]:
    """Who does what next; nobody where nothing is left to do."""
    found = [*([Step("machine", "asks_bank")] if case.asked else []), *_steps_of_record(case)]
    if case.disputed or (case.held and case.ended):
        found.append(Step("technician", "count_box"))
    if case.orphans:
        found.append(Step("technician", "count_orphans"))
    if case.ended and case.paper in ("unknown", "failed", "begun"):
        found.append(Step("technician", "reprint"))
    return tuple(found) or (Step("nobody", "done"),)


def _steps_of_record(case: Case) -> tuple[Step, ...]:
    where, _ = place(case)
    if case.ended is None and case.asked is None:
        return (Step("machine", "finishes" if case.record else "waits"), Step("customer", "same_card"))
    if where == Place.CARD:
        return (Step("customer", "put_in_meter"),)
    if where == Place.BETWEEN and (case.restored or not case.known >= w.CARD):
        return (Step("customer", "slip"), Step("office", "ask_rows"))
    if where == Place.CLAIM and case.known == w.GONE:
        return (Step("customer", "slip"), Step("office", "move"))
    if where in (Place.CLAIM, Place.BETWEEN):
        stuck = case.unsure == "does_not_store"
        return (Step("customer", "slip" if stuck else "same_card"), Step("office", "new_card" if stuck else "same_slot"))
    return ()
