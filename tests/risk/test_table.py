"""The table of offline rules in docs/ and the rules in the code say the same numbers."""

import re

from kiosk.commands.findings import RULES
from kiosk.vend import outage, risk
from kiosk.vend.seen import DiskSeen
from kiosk.vend.trust import KeyGeneration, Unlocked
from tests.house.tree import HOUSE
from tests.risk.kit import DAY_MS, office_shop
from tests.risk.test_stages import with_tariff

ROW = re.compile(r"^\| rule-(\d+) \| [^|]+ \| ([^|]+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def test_the_table_of_the_docs_has_the_codes_own_defaults() -> None:
    said = {int(number): text for number, text in ROW.findall((HOUSE / "docs/failures.md").read_text())}
    assert set(said) == set(range(1, 29))
    assert {number: text for number, text in said.items() if text != "none"} == {one.number: one.text for one in risk.defaults()}


def everything() -> set[str]:
    """Every rule that can stand somewhere, in one shop."""
    shop = with_tariff(office_shop(), days=30)
    shop.tell(DiskSeen(1 << 40, 1 << 40))
    generation = KeyGeneration(1, 0, shop.wall_ms() + DAY_MS)
    shop._add((Unlocked("card", "trade", "00" * 8, 1, 1, shop.wall_ms() + DAY_MS, (generation,)),))
    return {one.name for one in risk.standing(shop.rules, shop.state, shop.now())}


def test_doctor_has_a_sentence_for_every_rule_and_a_customer_a_word_for_each_that_stops() -> None:
    names = everything()
    assert set(RULES) == names - {"card_sales"}
    ruled = {code for row in outage.OUTAGES if row.device == "rules" for code in row.codes}
    assert ruled == names - {"card_sales", "hotlisted", "cash_box", "restored", "history"}
