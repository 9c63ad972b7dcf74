"""A checkpoint is read by the start that follows it: the core's own machine, a state with everything in it."""

import msgspec
import pytest

from kiosk.core import machine_of
from kiosk.vend.state import Here, State
from kiosk.vend.trust import KeyListInstalled, LimitsInstalled
from tests.risk.kit import grant
from tests.sale.shop import Card, Shop, rules


def lived() -> State:
    """A sale, a claim, an open sale with a note in escrow, a float, limits and keys."""
    shop, card = Shop(), Card()
    shop.tell(grant(shop, 1, 500_00))
    shop._add((KeyListInstalled(1, 1, dead=(3,)), LimitsInstalled(1, 1, {"day_max_sales": 9})))
    for end in ("landed", "claimed", "open"):
        card = card if end != "open" else Card("1122334455667799", "000012345679")
        shop.insert(card)
        shop.press("tender", "cash")
        shop.feed(10_00, stack=end != "open")
        if end == "open":
            break
        card.stores = end == "landed"
        shop.press("finish")
        shop.pull()
        shop.press("no_card")
        shop.press("slip_taken")
        card.stores = True
        card.into_meter()
    assert shop.state.ended
    assert shop.state.claims
    assert shop.state.sale
    assert shop.state.sale.escrow
    return shop.state


def test_the_core_starts_from_its_own_checkpoint() -> None:
    machine, state = machine_of(rules()), lived()
    assert machine.thaw(machine.freeze(state)) == msgspec.structs.replace(state, here=Here())


@pytest.mark.parametrize("other", [b"{}", b"[]", b"\xff", b'{"seq":1}', b'{"seq":{}}'])
def test_what_other_software_froze_is_not_read(other: bytes) -> None:
    assert machine_of(rules()).thaw(other) is None


@pytest.mark.parametrize("change", [{"newer": 1}, {"seq": "one"}, {"claims": []}])
def test_a_state_with_other_fields_or_values_is_not_read(change: dict[str, object]) -> None:
    machine = machine_of(rules())
    said = msgspec.json.decode(machine.freeze(lived())) | change
    assert machine.thaw(msgspec.json.encode(said)) is None
