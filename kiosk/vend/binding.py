"""Does this card belong here? One user, one card, one meter, one utility; what a reading says of that, over what its layout's judge says.

The judge speaks of one reading and one record. This speaks of the machine: whose cards it serves, what it saw of this card before, which
cards the head office has named, and whether its own key still opens the card. Each refusal has its own word, said and written down.
"""

from kiosk.vend.card.reading import Reading, Verdict, Word
from kiosk.vend.rules import Rules
from kiosk.vend.state import CardMemory, State

WRITES = (Word.READY, Word.FOREIGN, Word.RESUME, Word.NEVER)  # words that something is written after
NOTHING_WRITTEN = (Word.LANDED, Word.SPENT)  # words that end a sale of ours by reading alone


def bound(rules: Rules, state: State, reading: Reading, verdict: Verdict) -> Verdict:
    """The verdict, or why this card is refused all the same."""
    why = _unproven(rules, reading) if not reading.authentic else _proven(state, reading, verdict)
    return Verdict(Word.REFUSED, why=why) if why else verdict


def _unproven(rules: Rules, reading: Reading) -> str:
    """foreign_utility | foreign_region for a card that says itself who issued it; one that says it is ours, or nothing, proves nothing."""
    if reading.issuer is None or reading.issuer == (rules.utility, rules.region):
        return ""
    return "foreign_region" if reading.issuer[0] == rules.utility else "foreign_utility"


def _proven(state: State, reading: Reading, verdict: Verdict) -> str:
    """other_meter | hotlisted | no_hotlist | went_back | key_blocked | key_dead | key_ahead."""
    memory = state.cards.get(reading.serial, CardMemory())
    if memory.meter and reading.meter not in ("", memory.meter):
        return "other_meter"
    if _named(state, reading) and verdict.word not in NOTHING_WRITTEN:
        return "hotlisted"
    if _went_back(memory, reading, verdict):
        return "went_back"
    if verdict.word not in WRITES:
        return ""
    if state.trust.hotlist and state.trust.hotlist.cards and state.here.hotlist is None:
        return "no_hotlist"
    return f"key_{reading.key}" if reading.key else ""


def _named(state: State, reading: Reading) -> bool:
    return state.here.hotlist is not None and bytes.fromhex(reading.serial) in state.here.hotlist


def _went_back(memory: CardMemory, reading: Reading, verdict: Verdict) -> bool:
    """It would take a purchase in a slot that this machine verified on it, or stands before one: a copy that was put back."""
    if verdict.word == Word.READY:
        return verdict.n is not None and verdict.n <= memory.sold
    return verdict.word == Word.UNTAKEN and reading.count < memory.sold
