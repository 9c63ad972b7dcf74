"""Every interleaving of two offline kiosks, one meter and HQ, decided by the product's own judge, writes and slot rule.

No value is credited twice, none that was called verified is lost, and each of fifteen forgotten rules is caught.
"""

import pytest

from kiosk.vend import landing, sale
from kiosk.vend.card.gdw1365 import Gdw1365
from kiosk.vend.card.reading import Reading, Record, Update
from tests.model.broken import MEMORY, RULES
from tests.model.machines import RealCode
from tests.model.rule import Checked
from tests.model.search import CutShort, explore
from tests.model.stepped import Stepped
from tests.model.world import DOUBT, GARBAGE, HIGH, LOW, TORN, Card, Kiosk, Setting, Tag

deep = pytest.mark.deep("walks of more than 30,000 states")

WALKS = [
    (Setting(values=1), 2_642),
    (Setting(values=1, first=True), 4_066),
    (Setting(values=1, torn=True, hq=False), 2_058),
    (Setting(values=1, torn=True, first=True, hq=False), 1_586),
    (Setting(values=1, first=True, replace=1), 26_648),
    (Setting(values=1, torn=True, first=True), 52_122),
    pytest.param(Setting(values=2, kiosks=1), 30_386, marks=deep),
    pytest.param(Setting(values=1, torn=True), 115_614, marks=deep),
    pytest.param(Setting(values=1, replace=1), 137_577, marks=deep),
    pytest.param(Setting(), 644_994, marks=deep),
    pytest.param(Setting(first=True), 731_206, marks=deep),
]


@pytest.mark.parametrize(("setting", "states"), WALKS)
def test_whatever_the_order_no_money_is_doubled_or_lost(setting: Setting, states: int) -> None:
    """The number of states is the design's: the world is the same, only the decisions are the product's."""
    found = explore(setting, Checked())
    assert not found.wrong, "\n".join(map(str, (found.wrong, *found.path)))
    assert found.states == states


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=deep) if name in ("old-serial", "old-record", "older-card") else name for name in RULES]
)
def test_a_forgotten_rule_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = RULES[name]
    broken.patch(monkeypatch)
    found = explore(broken.setting, RealCode())
    assert found.wrong, f"nobody notices that {broken.what}"


def test_a_walk_that_is_cut_short_proves_nothing() -> None:
    with pytest.raises(CutShort, match="states were seen, and there are more"):
        explore(Setting(values=1), RealCode(), limit=100)


def test_fifteen_rules_are_broken() -> None:
    assert len(RULES) == 15


# ---------------------------------------------------------------- an office that forgets

RESTORED = [
    (Setting(values=1, forget=True, first=True), 4_066),
    (Setting(values=1, forget=True, torn=True, first=True), 52_122),
    (Setting(forget=True, kiosks=1), 30_386),
    pytest.param(Setting(forget=True), 644_994, marks=deep),
    pytest.param(Setting(forget=True, first=True), 731_206, marks=deep),
    pytest.param(Setting(values=1, forget=True, torn=True), 115_614, marks=deep),
    pytest.param(Setting(values=1, forget=True, replace=1), 137_577, marks=deep),
    pytest.param(Setting(values=1, forget=True, replace=2, kiosks=1), 307_628, marks=deep),
    pytest.param(Setting(forget=True, paid=True), 960_234, marks=deep),
    pytest.param(Setting(forget=True, undo=True), 721_512, marks=deep),
    pytest.param(Setting(values=1, forget=True, undo=True, send=True, torn=True), 170_290, marks=deep),
]


@pytest.mark.parametrize(("setting", "states"), RESTORED)
def test_an_office_that_forgets_doubles_nothing(setting: Setting, states: int) -> None:
    """Restored from any backup before each decision, it comes to the same slots by the same proofs."""
    found = explore(setting, RealCode())
    assert not found.wrong, "\n".join(map(str, (found.wrong, *found.path)))
    assert found.states == states


@pytest.mark.parametrize(
    "setting",
    [
        Setting(forget=True, kiosks=1, live=True),
        Setting(forget=True, undo=True, kiosks=1, live=True),
        pytest.param(Setting(forget=True, live=True), marks=deep),
        pytest.param(Setting(values=1, forget=True, undo=True, torn=True, live=True), marks=deep),
        pytest.param(Setting(forget=True, undo=True, send=True, paid=True, kiosks=1, live=True), marks=deep),
    ],
)
def test_an_office_that_forgets_can_still_credit_or_pay_out_each_value(setting: Setting) -> None:
    found = explore(setting, RealCode())
    assert (found.wrong, found.dead) == ("", 0)


@pytest.mark.parametrize("name", [pytest.param(n, marks=deep) if n in ("behind", "forgot-proof", "forgot-card") else n for n in MEMORY])
def test_an_office_that_forgets_one_thing_more_is_caught(name: str) -> None:
    what, setting = MEMORY[name]
    assert explore(setting._replace(broken=name), RealCode()).wrong, f"nobody notices that {what}"


@deep
def test_the_rule_before_holds_only_as_long_as_nothing_is_forgotten() -> None:
    """So no test of an office that is never restored could see it."""
    found = explore(Setting(broken="behind"), RealCode())
    assert (found.wrong, found.states) == ("", 644_994)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(values=1, live=True),
        Setting(values=1, first=True, live=True),
        pytest.param(Setting(values=1, torn=True, live=True), marks=deep),
        pytest.param(Setting(values=1, replace=1, live=True), marks=deep),
        pytest.param(Setting(kiosks=1, live=True), marks=deep),
    ],
)
def test_from_every_state_each_paid_value_can_still_be_credited(setting: Setting) -> None:
    found = explore(setting, RealCode())
    assert (found.wrong, found.dead) == ("", 0)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(values=1),
        Setting(values=1, first=True),
        Setting(values=1, torn=True, first=True),
        pytest.param(Setting(values=1, torn=True), marks=deep),
        pytest.param(Setting(values=1, replace=1), marks=deep),
        pytest.param(Setting(values=2, kiosks=1), marks=deep),
        pytest.param(Setting(), marks=deep),
    ],
)
def test_the_whole_sale_does_what_its_judge_says(setting: Setting) -> None:
    """Readings told to step, facts folded, jobs asked for: open sales, claims, and sales torn before anything was bound."""
    found = explore(setting, Stepped())
    assert not found.wrong, "\n".join(map(str, (found.wrong, *found.path)))


def cards() -> list[Card]:
    """More than every card that a walk can reach: each type, tag, wallet and return file with each."""
    names: tuple[Tag | None, ...] = (None, (1, 1), (1, 2), (2, 2), ("order 1", 1), ("order 1", 2), (3, 3))
    wallets = [(0, GARBAGE), (1, 1), (2, 1), (3, 1), (2, GARBAGE), (HIGH, GARBAGE), (LOW, GARBAGE)]
    taken = (None, TORN, 0, 1, 2, 3)
    made = [Card(0, kind, *wallet, tag, r) for kind in (1, 2, 3) for wallet in wallets for tag in names for r in taken]
    return made + [Card(0, kind, n, 0, None, r) for kind in (1, 2, 3) for n in (0, 1) for r in taken]


def records() -> list[Kiosk]:
    return [Kiosk(DOUBT, n, 1, (name, n)) for name in (1, 2, "order 1") for n in (1, 2, 3)]


def test_the_judge_has_the_rules_word_for_every_reading_and_record() -> None:
    product = Checked()
    for card in cards():
        product.offer(card)
        for record in records():
            product.own(card, record)


def test_a_record_counts_only_on_its_own_card() -> None:
    product = RealCode()
    for card in cards():
        for record in records():
            elsewhere = record._replace(serial=7)
            assert product.own(card, elsewhere)[:2] == product.offer(card)


class Untagged(Gdw1365):
    """A layout without room for a tag."""

    def _update(self, step: str, reading: Reading, record: Record, parameters: bytes) -> Update | None:
        return None if step == "mark" else super()._update(step, reading, record, parameters)


@pytest.mark.parametrize("setting", [Setting(values=1, first=True), pytest.param(Setting(values=1, torn=True), marks=deep)])
def test_a_layout_without_room_for_a_tag_is_safe_too_only_slower(setting: Setting) -> None:
    assert not explore(setting, RealCode(Untagged())).wrong


@pytest.mark.parametrize("deaf", ["wanted", "whose"])
def test_a_sale_that_does_not_heed_its_judge_is_noticed(deaf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would be caught by the comparison alone: a machine that writes nothing back, and one that forgets its own record."""
    if deaf == "wanted":
        monkeypatch.setattr(sale, "wanted", lambda state: "read" if state.here.reading is None else "")
    else:
        monkeypatch.setattr(landing, "whose", lambda rules, _state, reading: (None, rules.profile.judge(reading, None, 0)))
    with pytest.raises(AssertionError):
        explore(Setting(values=1), Stepped())
