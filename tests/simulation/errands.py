"""What happens between the kiosks and the head office, and at it: one thing a step."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from kiosk.hq.intake.importer import Taken
from kiosk.hq.intake.ledger import Verdict
from kiosk.sync.ack import read_ack
from kiosk.vend.facts import RoomFact
from kiosk.vend.seen import Tick, Trusted
from kiosk.vend.trust import FloatGranted, KeyListInstalled
from tests.simulation import forgetting
from tests.simulation.kiosk import Kiosk
from tests.simulation.mail import Letter
from tests.simulation.parts import EPOCH_MS

if TYPE_CHECKING:
    from tests.simulation.world import World

DAY_MS = 24 * 3_600_000
FLOAT_MINOR = 2_000_00


def errand(world: "World") -> str:
    """One of them, which has something to do."""
    kinds = world.mood.errands if world.faults else CALM
    names, weights = list(kinds), list(kinds.values())
    for name in world.chance.choices(names, weights, k=4):
        said = DOINGS[name](world)
        if said:
            return f"{name}: {said}"
    return "nobody has anything to do"


# ---------------------------------------------------------------- the post


def post(world: "World") -> str:
    """A kiosk's sender does what is wanting."""
    return posted(world, world.chance.choice(world.kiosks), flush=world.chance.random() < 0.4)


def posted(world: "World", kiosk: Kiosk, *, flush: bool) -> str:
    """Seal, settle the spool, take in acknowledgements."""
    if not kiosk.on or not kiosk.post:
        return ""
    if world.faults and world.chance.random() < 0.05:
        kiosk.post.break_off(world.chance)
    said = [""]

    def act() -> None:
        assert kiosk.post
        said[0] = kiosk.post.work(flush=flush)

    kiosk.guarded(act)
    world.touched(kiosk)
    return f"{kiosk.id} {said[0]}".strip()


def waiting(kiosk: Kiosk) -> list[Letter]:
    """All that a courier would find there."""
    lying = kiosk.post.up.lying if kiosk.post else {}
    return [Letter(kiosk.id, f"{seq}", raw) for seq, raw in sorted(lying.items())]


def collect(world: "World") -> str:
    """A courier takes what waits: one letter by wire, or all of it on a stick."""
    kiosk = world.chance.choice(world.senders())
    letters = waiting(kiosk)
    if not letters:
        return ""
    if world.chance.random() < 0.1 and not world.mail.stick:
        world.mail.stick += letters
        return f"all {len(letters)} of {kiosk.id} on a stick"
    letter = letters[0] if world.chance.random() < 0.6 else world.chance.choice(letters)
    if letter in world.mail.up and world.chance.random() < 0.8:
        return ""  # it is on its way
    world.mail.up.append(letter)
    return f"{kiosk.id} {letter.name}"


def stick(world: "World") -> str:
    """A stick is carried to the office."""
    carried, world.mail.stick = world.mail.stick, []
    world.mail.up += carried
    return f"with {len(carried)}" if carried else ""


def arrive(world: "World") -> str:
    """A letter comes to the office."""
    letter = world.mail.drawn(world.mail.up)
    return delivered(world, letter) if letter else ""


def _verdict(world: "World", taken: Taken | None) -> str | None:
    """As it is counted. An exception of a kiosk whose rows the office's own disk has lost is right: what follows from them is not here."""
    if taken and taken.verdict == Verdict.EXCEPTION and taken.kiosk in world.office.damaged:
        return "EXCEPTION of rows that the disk lost"
    return taken.verdict if taken else None


def delivered(world: "World", letter: Letter) -> str:
    """The office takes it, and answers."""
    taken = world.office.take(letter.raw)
    world.office.verdicts.append(_verdict(world, taken))
    if taken is None:
        return f"{letter.kiosk} {letter.name}, and the power fails at the office"
    world.imported(taken.kiosk or letter.kiosk)
    if taken.ack:
        said = read_ack(taken.ack, [world.office.ack_public])
        world.acknowledged(said)
        world.mail.down.append(Letter(said.kiosk, said.name, taken.ack))
    if taken.verdict in (Verdict.FORK, Verdict.TAMPER):
        world.suspected(letter, taken)
    return f"{letter.kiosk} {letter.name}: {taken.verdict}{' ' if taken.sentence else ''}{taken.sentence}"


def return_mail(world: "World") -> str:
    """An acknowledgement comes to its kiosk's spool."""
    letter = world.mail.drawn(world.mail.down)
    kiosk = world.named(letter.kiosk) if letter else None
    if letter is None or kiosk is None or kiosk.post is None:
        return ""
    kiosk.post.spool.came[letter.name] = letter.raw
    return f"{letter.kiosk} {letter.name}"


# ---------------------------------------------------------------- the office


def told(world: "World", kiosk: Kiosk, fact: RoomFact) -> None:
    """Something of the office's is installed at a kiosk."""
    if kiosk.on:
        kiosk.guarded(lambda: kiosk.tell(Trusted(fact)))
        world.touched(kiosk)


def keys(world: "World") -> str:
    """A kiosk hears the root's list: which epoch it is."""
    return told_keys(world, world.chance.choice(world.kiosks))


def told_keys(world: "World", kiosk: Kiosk) -> str:
    """Unless it knows."""
    if not kiosk.on or kiosk.state.trust.version("keys") >= (world.office.epoch, world.office.list_version):
        return ""
    told(world, kiosk, KeyListInstalled(world.office.epoch, world.office.list_version))
    return kiosk.id


def grant(world: "World") -> str:
    """A kiosk whose float is low gets another one."""
    kiosk = world.chance.choice(world.kiosks)
    if not kiosk.on or (kiosk.state.float_held.whole_minor or 0) > FLOAT_MINOR:
        return ""
    number = kiosk.state.trust.float_version[1] + 1
    until_ms = EPOCH_MS + world.time.ms + 40 * DAY_MS
    told(world, kiosk, FloatGranted(number, FLOAT_MINOR, until_ms, world.office.epoch))
    return kiosk.id


def settle(world: "World") -> str:
    """The settlement desk decides what the rule allows."""
    return world.settling.work()


def order(world: "World") -> str:
    """Somebody pays elsewhere, or asks again for what was not answered."""
    counter = world.counter
    return counter.again() if counter.unheard and world.chance.random() < 0.5 else counter.pay(world.chance.choice(world.homes))


def orders(world: "World") -> str:
    """A kiosk hears which orders wait."""
    return world.counter.list_for(world.chance.choice(world.kiosks))


def replace(world: "World") -> str:
    """A customer has lost the card."""
    return world.replaced(world.chance.choice(world.homes))


def enrol(world: "World") -> str:
    """A kiosk whose store is over gets a new one under a new id."""
    over = [kiosk for kiosk in world.kiosks if world.is_over(kiosk)]
    return world.enrolled_anew(world.chance.choice(over)) if over else ""


def back_up(world: "World") -> str:
    """HQ's store is copied to another site; where that is refused, the last backup that was not is put back."""
    refused = world.office.back_up()
    world.backed_up(refused)
    return f"{refused} {restore(world)}" if refused else "done"


def restore(world: "World") -> str:
    """HQ's disk is lost, with all that is in no backup."""
    return forgetting.put_back(world)


def crash(world: "World") -> str:
    """The power fails in one of HQ's next transactions."""
    world.office.cut, world.office.cut_after = world.chance.choice(("before", "inside", "after")), world.chance.randrange(3)
    return world.office.cut


def rotate(world: "World") -> str:
    """Batches are boxed to another key."""
    world.office.rotate()
    return "done"


def month(world: "World") -> str:
    """Nobody comes for 31 days."""
    world.advance(31 * DAY_MS)
    for kiosk in world.kiosks:
        if kiosk.on:
            kiosk.guarded(lambda one=kiosk: one.tell(Tick()))  # type: ignore[misc]
            world.touched(kiosk)
    return "done"


def lost_file(world: "World") -> str:
    """A file of a kiosk's post is gone: a waiting batch or a kept one."""
    kiosk = world.chance.choice(world.kiosks)
    if not kiosk.post:
        return ""
    for held in (kiosk.post.up.lying, kiosk.post.kept.made_at):
        if held and world.chance.random() < 0.5:
            del held[world.chance.choice(list(held))]
    return kiosk.id


DOINGS: dict[str, Callable[["World"], str]] = {
    "post": post,
    "a courier collects": collect,
    "a stick is carried": stick,
    "mail at the office": arrive,
    "mail at a kiosk": return_mail,
    "keys": keys,
    "float": grant,
    "settlement": settle,
    "a new store": enrol,
    "backup": back_up,
    "an order": order,
    "orders": orders,
    "a count proof": lambda world: world.counter.read_out(),
    "codes and orders": lambda world: world.counter.match(),
    "a payer asks again": lambda world: world.counter.twice_asked(),
    "the other site's orders": forgetting.taken_in,
    "a lost card": replace,
    "restore": restore,
    "power cut at the office": crash,
    "new batch key": rotate,
    "a file is lost": lost_file,
    "a month goes by": month,
}
CALM = dict(zip(DOINGS, (40, 20, 4, 60, 40, 12, 12, 4, 6, 3, 16, 6, 6, 3, 3, 6), strict=False))
FAULTY = {
    "a lost card": 1.0,
    "restore": 0.7,
    "power cut at the office": 2.0,
    "new batch key": 0.5,
    "a file is lost": 1.5,
    "a month goes by": 0.2,
}
