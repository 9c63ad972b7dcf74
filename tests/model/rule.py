"""The model's own word for every situation, written from the judge's table on the model's small cards; it knows no byte.

The walk compares it with the product at every decision. Were the two written from one another, one mistake could hide in both.
"""

from tests.model.machines import RealCode
from tests.model.world import GARBAGE, TORN, Card, Kiosk


def speaks_of_wallet(card: Card) -> bool:
    """The tag is of the slot and the amount in the wallet."""
    return card.tag is not None and card.tag[1] == card.bought and card.value != GARBAGE


def free_slot(card: Card) -> int:
    """The slot that a new purchase would take, 0 for none."""
    if card.taken is None or card.taken == TORN:
        never_opened = card.kind == 1 and card.bought == 0
        torn_first = card.kind == 1 and card.taken == TORN and card.tag is not None and not speaks_of_wallet(card)
        return 1 if never_opened or torn_first else 0
    blocked = card.bought > card.taken and speaks_of_wallet(card)
    return 0 if blocked else card.taken + 1


def waits_for_commit(card: Card) -> bool:
    """Whole and paid, torn before its commit."""
    return card.taken not in (None, TORN) and card.bought == (card.taken or 0) + 1 and speaks_of_wallet(card)


def own_word(card: Card, kiosk: Kiosk) -> tuple[str, int, str]:
    """(word, slot, step) about the kiosk's record."""
    n, ours = kiosk.n, card.tag == kiosk.tag
    right = card.bought == n and card.value != GARBAGE
    if ours and right and card.taken in (None, n):
        return "landed", n, ""
    if ours and card.taken in (n - 1, TORN):
        return "resume", n, "commit" if right else "load"
    if waits_for_commit(card):
        return "foreign", card.bought, "commit"
    if free_slot(card) == n:
        return "never", n, "arm"
    if card.taken == TORN and not free_slot(card):
        return "unreadable", 0, ""
    return "spent", n, ""


def offer_word(card: Card) -> tuple[str, int]:
    """(word, slot) for a card that no record is about."""
    if waits_for_commit(card):
        return "foreign", card.bought
    if free_slot(card):
        return "ready", free_slot(card)
    if card.taken == TORN:
        return "unreadable", 0
    return ("untaken", card.bought) if card.taken is None else ("refused", 0)


def after_step(card: Card, kiosk: Kiosk) -> Card:
    """What one write step does to a card."""
    if kiosk.step == "arm" and card.taken in (None, TORN):
        return card._replace(taken=kiosk.n - 1)
    if kiosk.step == "type" and kiosk.n > 1:
        return card._replace(kind=2)
    if kiosk.step == "mark":
        return card._replace(tag=kiosk.tag)
    if kiosk.step == "load":
        return card._replace(bought=kiosk.n, value=kiosk.value)
    return card._replace(taken=None) if kiosk.step == "commit" else card


class Checked(RealCode):
    """The product, asked beside the rule: the first answer in which they differ ends the walk."""

    def decide_own(self, card: Card, kiosk: Kiosk) -> tuple[str, int, str]:
        """The same word, slot and step."""
        real = super().decide_own(card, kiosk)
        assert real == own_word(card, kiosk), (card, kiosk)
        return real

    def decide_offer(self, card: Card) -> tuple[str, int]:
        """The same word and slot."""
        real = super().decide_offer(card)
        assert real == offer_word(card), card
        return real

    def decide_written(self, card: Card, kiosk: Kiosk) -> Card:
        """The same card after the write."""
        real = super().decide_written(card, kiosk)
        assert real == after_step(card, kiosk), (card, kiosk)
        return real
