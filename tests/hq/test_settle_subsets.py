"""Whatever part of the rows has arrived: seeing less only makes the office wait, and what it did on a part was right in the light of all.

In the model every interleaving, with the product's own gathering; then lives of a card with real machines, a real importer and real orders.
"""

import itertools
import random
from collections import Counter

import pytest
from msgspec.structs import replace

from kiosk.hq.orders.book import Order
from kiosk.hq.settlement import deciding, rule
from kiosk.hq.settlement import known as gathering
from kiosk.hq.settlement.cases import Here, _case
from kiosk.hq.settlement.known import STRANGE, Home, Known, Line, known, value_of
from kiosk.hq.settlement.rule import Case, Way
from kiosk.hq.settlement.seeds import Seed
from kiosk.hq.settlement.sources import orders_of
from kiosk.vend import facts as f
from kiosk.vend import slot
from tests.hq.settle_kit import Machine, Town, bought, claimed, looked, order_tag
from tests.model.machines import AMOUNT, METER, RealCode, piece, serial_of, tag_hex
from tests.model.search import explore
from tests.model.world import Name, Row, Setting, Told, World, Wrote
from tests.sale.shop import Card
from tests.seeds import Seeds

deep = pytest.mark.deep("every subset of batches and every order")

# ---------------------------------------------------------------- the model


def money(name: Name, value: int) -> str:
    """Whose record it is: a sale's, or that of an order for a value."""
    return f"order {value}" if isinstance(name, str) else f"K1/{value:016x}"


def order_of(tag: tuple[Name, int], value: int) -> Order:
    """An order that settles the sale of that value; no two have the same terms, for those would be one code."""
    n = tag[1]
    return Order(f"O{value}-{n}", 1, 1, serial_of(0), METER, n, AMOUNT, "CNY", value, 0, 1, "settle", "r", settles=f"K1/{value:016x}")


def heard(rows: frozenset[Row]) -> Known:
    """What the office makes of these rows: each as the fact that a kiosk writes."""
    wrote = {row.tag: row for row in rows if isinstance(row, Wrote)}
    lines, orders, place = [], [], itertools.count(1)

    def line(sale: str, fact: f.Fact) -> None:
        lines.append(Line("K1", next(place), 0, sale, fact))

    for tag, row in wrote.items():
        sale = f"{row.value:016x}" if isinstance(tag[0], int) else f"{0xC0DE0000 + row.value * 16 + row.n:016x}"
        if isinstance(tag[0], str):
            order = order_of(tag, row.value)
            orders.append(order)
            line(sale, f.TransferCodeAccepted(sale, order.card, METER, row.n, AMOUNT, row.value, "0001"))
        line(sale, f.WriteStarted(sale, serial_of(0), METER, row.n, AMOUNT, tag_hex(tag)))
    for told in rows:
        if isinstance(told, Told) and told.tag and told.what != "clean":
            card, tag_text = serial_of(told.serial), tag_hex(told.tag)
            if told.what == "verified":
                line("", f.ForeignSaleFinished(card, METER, told.n, AMOUNT, tag_text))
            else:
                line(
                    "",
                    f.CardPresented(
                        card, METER, "gdw1365", told.tag is not None, told.n, told.n, "ready", None, AMOUNT, tag_text, told.tag[1] == told.n
                    ),
                )
    tags = {order.name: tag_hex((f"order {tag_value}", order.n)) for tag_value, order in _values(orders)}
    return known(METER, [], lines, orders=orders, tag_of=lambda order: tags[order.name])


def _values(orders: list[Order]) -> list[tuple[int, Order]]:
    return [(int(order.settles.partition("/")[2], 16), order) for order in orders]


class Gathered(RealCode):
    """The product's gathering and its slot rule, where the model's own adapter stood."""

    def home(self, world: World, value: int, n: int, newest: int, told: list[Told]) -> int:
        """On the strength of these rows, and of all the records that are known."""
        wrote = frozenset(row for row in world.rows if isinstance(row, Wrote))
        return office_of(wrote | frozenset(told), newest, world.kept).home(f"K1/{value:016x}", n).n

    def steps_up(self, world: World, value: int, first: int, newest: int) -> list[tuple[int, frozenset[Told]]]:
        """Beside: what one person may order, as the office decides it, is in a slot that the model's rule allows."""
        found = super().steps_up(world, value, first, newest)
        owed = f"K1/{value:016x}"
        seed = Seed(owed, "claim", "K1", METER, first, AMOUNT, "CNY", 2, 0)
        case = _case(seed, office_of(world.rows, newest, world.kept), (), Here({}, set(), 0))
        chosen = rule.way(case, 0)
        assert chosen.people != 1 or chosen.n in {n for n, _ in found}, (case, world)
        return found


def office_of(rows: frozenset[Row], newest: int, kept: frozenset[Told] = frozenset()) -> Known:
    """What the office makes of these rows, with the serial that it takes for the newest card."""
    key = (rows, newest, kept)
    if key not in OFFICES:
        served = frozenset(item for row in kept if isinstance(item := piece(row), slot.Verified))
        OFFICES[key] = replace(heard(rows), cards=(serial_of(newest),), kept=served)
    return OFFICES[key]


OFFICES: dict[object, Known] = {}


@pytest.mark.parametrize(
    ("setting", "states"),
    [
        (Setting(values=1), 2_642),
        (Setting(values=1, first=True), 4_066),
        (Setting(values=1, first=True, forget=True), 4_066),
        pytest.param(Setting(kiosks=1, forget=True), 30_386, marks=pytest.mark.deep("walks of more than 30,000 states")),
        pytest.param(Setting(values=2, kiosks=1), 30_386, marks=deep),
    ],
)
def test_gathered_from_rows_the_rule_is_the_models(setting: Setting, states: int) -> None:
    found = explore(setting, Gathered())
    assert not found.wrong, "\n".join(map(str, (found.wrong, *found.path)))
    assert found.states == states


class EveryPart(Gathered):
    """Beside: whatever part of the rows and orders an office has, the case comes to a slot that the rule allows with all of them."""

    parts = 0

    def steps_up(self, world: World, value: int, first: int, newest: int) -> list[tuple[int, frozenset[Told]]]:
        """Asked with all rows; then with each part of them."""
        found = super().steps_up(world, value, first, newest)
        allowed = {n for n, _ in found}
        if len(world.rows) <= 8:
            for size in range(len(world.rows)):
                for part in itertools.combinations(sorted(world.rows, key=repr), size):
                    self.parts += 1
                    n = office_of(frozenset(part), newest, world.kept).home(f"K1/{value:016x}", first).n
                    assert n in allowed, (part, world.rows)
        return found


@pytest.mark.parametrize("setting", [Setting(values=1, first=True), pytest.param(Setting(values=2, kiosks=1), marks=deep)])
def test_no_part_of_the_rows_proves_what_all_of_them_do_not(setting: Setting) -> None:
    machines = EveryPart()
    assert not explore(setting, machines).wrong
    assert machines.parts > 20


@pytest.mark.parametrize("forgotten", ["proof", "strange", "newest", "fits"])
def test_settling_without_proof_is_caught(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted in the gathering itself: no proof wanted; anybody's record taken for another's; any card; any tag."""
    setting = Setting()
    if forgotten == "proof":
        setting = Setting(values=1)
        monkeypatch.setattr(Known, "home", lambda _self, _value, n: Home(max(n, 4)))
    elif forgotten == "strange":

        def begun(self: Known, value: str, n: int) -> Home:
            while any(entry.n == n and entry.value != value for entry in self.entries):
                n += 1
            return Home(n)

        monkeypatch.setattr(Known, "home", begun)
    elif forgotten == "newest":
        setting = Setting(replace=1)
        honest = gathering._evidence

        def of_any_card(line: Line, records: dict[str, f.WriteStarted]) -> slot.Evidence | None:
            item = honest(line, records)
            return replace(item, card=serial_of(1)) if isinstance(item, slot.Verified) else item

        monkeypatch.setattr(gathering, "_evidence", of_any_card)
    else:
        monkeypatch.setattr(slot, "names_taken", lambda item: item.taken is not None)

        def anybodys(tag: str | None, _amount: int, value: str, _slot: object, entries: tuple[slot.Entry, ...]) -> bool:
            return any(entry.tag == tag and entry.value != value for entry in entries)

        monkeypatch.setattr(slot, "of_another", anybodys)
    assert explore(setting, Gathered()).wrong


# ---------------------------------------------------------------- lives


class Life:
    """A card, its customer and three machines; the office hears them bit by bit and does whatever one person may."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.town, self.card = Town(), Card()
        self.machines = [self.town.kiosk(name) for name in ("K07", "K08", "K09")]
        self.codes: list[str] = []
        self.amounts = itertools.count(1)

    def step(self) -> None:
        """Somebody does something."""
        machine = self.chance.choice(self.machines)
        act = self.chance.choice(["claim", "claim", "buy", "look", "meter", "collect", "collect", "hear", "hear", "decide", "decide"])
        minor = 10_00 * next(self.amounts) % 90_00 + 10_00
        note = max(value for value in (10_00, 20_00, 50_00, 100_00) if value <= max(minor, 10_00))
        match act:
            case "claim":
                claimed(machine, self.card, note)
            case "buy":
                bought(machine, self.card, note, meter=False)
            case "look":
                looked(machine, self.card)
            case "meter":
                self.card.into_meter()
            case "collect" if self.codes:
                self.collect(machine, self.chance.choice(self.codes))
            case "hear":
                whole, here = len(machine.rows) + 1, self.town.told.get(machine.name, 0)
                self.town.hears(machine, rows=self.chance.randint(here, whole))
            case "decide":
                self.decide()
        self.check()

    def collect(self, machine: Machine, code: str) -> None:
        machine.insert(self.card)
        if machine.view.phase == "account":
            machine.press("tender", "code")
            machine.press("code", code)
        machine.wait(1)
        machine.press("cancel")
        machine.pull()
        machine.wait(90)

    def decide(self) -> None:
        """All that one person may, by what is here."""
        for each in self.town.cases.all(self.town.now_ms):
            case = self.town.cases.one(each.value, self.town.now_ms)  # an order that was made just now may have changed it
            if case and rule.way(case, self.town.now_ms).people == 1:
                made = self.town.desk.decide(case.value, "anna", self.town.now_ms).made
                if made and made.code not in self.codes:
                    self.codes.append(made.code)

    def owner(self, tag: str, known: Known) -> str:
        """Whose money a tag is, by all rows of all machines."""
        return next((entry.value for entry in known.entries if entry.tag == tag), STRANGE)

    def credited(self) -> Counter[str]:
        """How often each value was credited by the meter: told by the machines' own rows, arrived or not."""
        lines = [Line(m.name, row.seq, 0, getattr(fact, "sale", ""), fact) for m in self.machines for fact, row in m.rows]
        orders = self.town.store.read(lambda connection: orders_of(connection, METER))
        known_of_all = known(METER, [self.card.serial], lines, orders=orders, tag_of=order_tag)
        return Counter(self.owner(tag, known_of_all) for tag in self.card.tags)

    def check(self) -> None:
        """No money twice, and every tag that the meter took is somebody's."""
        credited = self.credited()
        assert max(credited.values(), default=0) <= 1, credited
        assert STRANGE not in credited


MORE = pytest.mark.deep("more random lives of the same kind")


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=MORE if seed > 2 else ()) for seed in range(12)])
def test_in_random_lives_nothing_is_credited_twice_and_in_the_end_all_of_it_once(seed: int, seeds: Seeds) -> None:
    life = Life(seeds.base("settling lives") + seed)
    for _ in range(24):
        life.step()
    for _ in range(14):  # everything arrives, and the customer goes on
        life.town.hears(*life.machines)
        life.decide()
        for code in list(life.codes):
            life.card.into_meter()
            life.collect(life.machines[0], code)
            life.check()
        life.card.into_meter()
        looked(life.machines[1], life.card)
    life.town.hears(*life.machines)
    owed = [case for case in life.town.cases.all(life.town.now_ms) if rule.way(case, life.town.now_ms).who != "nobody"]
    assert not owed, owed
    paid = {value_of(m.name, str(fact.sale)) for m in life.machines for fact in m.facts("ClaimIssued")}  # type: ignore[attr-defined]
    assert life.credited().keys() >= {value for value in paid if "/" in value} - coded(life)


def coded(life: Life) -> set[str]:
    """Sales that a code paid for: their money is an order's."""
    return {value_of(m.name, str(fact.sale)) for m in life.machines for fact in m.facts("TransferCodeAccepted")}  # type: ignore[attr-defined]


def settled_and_passed(life: Life) -> Machine:
    """Claimed at K07, ordered in slot 2, collected at K08, which sells slot 3, too; its rows are on their way, and K09 sees the card."""
    k07, k08, k09 = life.machines
    claimed(k07, life.card)
    life.town.hears(k07)
    life.decide()
    life.collect(k08, life.codes[0])
    life.card.into_meter()
    bought(k08, life.card, 20_00)
    looked(k09, life.card)
    life.town.hears(k09)
    return k08


def test_an_office_that_does_not_know_who_took_the_slot_waits_and_the_rows_say_that_nothing_is_owed() -> None:
    life = Life(0)
    k08 = settled_and_passed(life)
    assert life.town.way(life.machines[0]).why == "unproved"
    life.decide()
    assert len(life.codes) == 1
    life.town.hears(k08)
    assert life.town.way(life.machines[0]).why == "landed"


def test_an_office_that_settles_without_proof_credits_it_twice_and_that_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = rule.way

    def careless(case: Case, now_ms: int) -> Way:
        chosen = honest(case, now_ms)
        return Way(chosen.to, chosen.why, "office", 1, chosen.n) if chosen.why == "unproved" else chosen

    monkeypatch.setattr(rule, "way", careless)
    monkeypatch.setattr(deciding, "way", careless)
    life = Life(0)
    k08 = settled_and_passed(life)
    life.decide()
    life.collect(k08, life.codes[1])
    life.card.into_meter()
    with pytest.raises(AssertionError, match="Counter"):
        life.check()
