"""What people and the world do at one kiosk: one thing a step, drawn by where the machine stands, now and then by nothing at all."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from kiosk.devices.sim.faults import NONE, Cut, Faults, Rest
from kiosk.vend import damm, seen
from kiosk.vend.facts import ClockStepped
from kiosk.vend.phase import order_due, phase
from tests.simulation.kiosk import VALUES, Kiosk

if TYPE_CHECKING:
    from tests.simulation.world import World

RESTS: tuple[Rest, ...] = ("old", "zero", "ff", "random")
NOTES = (10_00, 20_00, 50_00, 100_00)
NOISE = (
    ("tender", "cash"), ("finish", ""), ("cancel", ""), ("stop", ""), ("add_more", ""), ("more_time", ""), ("no_card", ""),
    ("slip_taken", ""), ("receipt", "paper"), ("receipt", "again"), ("receipt", "qr"), ("receipt", "none"), ("balance", ""),
    ("tender", "bank"), ("amount", "other"), ("tender", "code"), ("code", "00000000000000000000"),
)  # fmt: skip


def visit(world: "World", kiosk: Kiosk) -> str:
    """One thing happens at this kiosk; what, in a few words."""
    chance, kiosk.marked = world.chance, ""
    if not kiosk.on:
        kiosk.power_on()
        return "power comes" if kiosk.on else "does not start"
    if world.faults and chance.random() < world.mood.trouble:
        return trouble(world, kiosk)
    if kiosk.terminal.silent and chance.random() < 0.05:
        _terminal(world, kiosk)
        return "the bank terminal is back"
    if chance.random() < 0.9 and (working := work(world, kiosk)):
        return working
    if kiosk.acceptors["notes"].held and chance.random() < 0.8:
        heard = not (world.faults and chance.random() < 0.02)
        obeys = not (world.faults and chance.random() < 0.03)
        kiosk.guarded(lambda: kiosk.resolve_note(heard=heard, obeys=obeys))
        return "the note goes its way"
    return customer(world, kiosk)


def work(world: "World", kiosk: Kiosk) -> str:
    """The machine's own next job; the card may be torn out in it, and the power may fail."""
    chance, dies = world.chance, -1
    job, asked = kiosk.job(), kiosk.pos_job()
    if world.faults and asked and chance.random() < 0.02:
        dies = 1
    if world.faults and job and kiosk.card:
        fate = chance.random() / (world.mood.torn or 1e-9)
        if fate < 0.03:
            kiosk.card.arm(Faults(cut=Cut(apdu=chance.randrange(14), after=chance.random() < 0.5)))
        elif fate < 0.06 and job.do in ("arm", "write", "finish"):
            cut = Cut(update=chance.randrange(4), byte=chance.randrange(12), rest=chance.choice(RESTS), seed=chance.getrandbits(16))
            kiosk.card.arm(Faults(cut=world.harmless(kiosk.card, cut)))
        elif fate < 0.07:
            dies = chance.randrange(1, 14)
    card, done = kiosk.card, [False]

    def act() -> None:
        done[0] = kiosk.work(dies_after=dies, faults=world.faults)

    kiosk.guarded(act)
    if card:
        card.arm(NONE)
    torn = "" if kiosk.card is card else ", and the card is torn out"
    doing = " and ".join(each.do for each in (asked, job) if each) or "paper"
    if not kiosk.on:
        return f"the power fails in {doing}{torn}"
    return f"{doing}{torn}" if done[0] else ""


def customer(world: "World", kiosk: Kiosk) -> str:
    """Whoever stands there does what the screen suggests, mostly."""
    chance = world.chance
    where = phase(kiosk.state)
    if chance.random() < 0.04:
        do, arg = chance.choice(NOISE)
        kiosk.guarded(lambda: kiosk.press(do, arg))
        return f"presses {do} {arg}"
    if not kiosk.card:
        return nobody(world, kiosk, where)
    fate = chance.random()
    for upto, do in WISHES.get(where, WISHES["refused"]):
        if fate < upto:
            return act(world, kiosk, do)
    return act(world, kiosk, "wait")


def nobody(world: "World", kiosk: Kiosk, where: str) -> str:
    """No card is in the slot."""
    chance = world.chance
    if where == "claim" and chance.random() < 0.4:
        return act(world, kiosk, chance.choice(("slip_taken", "receipt paper", "receipt qr")))
    if where == "unsure" and chance.random() < 0.35:
        return act(world, kiosk, "no_card")
    if where == "interrupted" or chance.random() < 0.25:
        return act(world, kiosk, "wait")
    card = world.card_in_hand(kiosk)
    if card is None:
        return act(world, kiosk, "wait")
    kiosk.guarded(lambda: kiosk.insert(card))
    return f"card {card.serial.hex()[-4:]} goes in"


WISHES: dict[str, tuple[tuple[float, str], ...]] = {
    "account": ((0.2, "note"), (0.3, "tender cash"), (0.5, "tender bank"), (0.75, "code"), (0.8, "cancel"), (0.88, "pull"), (0.92, "coin")),
    "code": ((0.8, "code"), (0.87, "cancel"), (0.93, "pull")),
    "amount": ((0.6, "finish"), (0.8, "amount 5000"), (0.85, "tender cash"), (0.9, "cancel"), (0.95, "pull")),
    "bank": ((0.05, "pull"), (0.1, "cancel"), (0.3, "tender bank"), (0.4, "tender cash"), (0.45, "coin")),
    "insert": ((0.35, "note"), (0.45, "coin"), (0.85, "finish"), (0.9, "pull"), (0.92, "stop")),
    "still": ((0.4, "more_time"), (0.6, "pull")),
    "writing": ((0.1, "pull"),),
    "unsure": ((0.5, "pull"), (0.65, "no_card")),
    "done": ((0.6, "pull"), (0.75, "receipt paper"), (0.85, "receipt qr"), (0.9, "receipt none"), (0.95, "finish")),
    "claim": ((0.3, "slip_taken"), (0.6, "receipt paper"), (0.75, "receipt qr"), (0.95, "pull")),
    "qr": ((0.7, "finish"), (0.9, "pull")),
    "refused": ((0.8, "pull"), (0.85, "cancel")),
    "interrupted": ((0.1, "pull"),),
}


def act(world: "World", kiosk: Kiosk, do: str) -> str:
    """One of the things that are done at a machine."""
    chance = world.chance
    if do == "note":
        value = world.mood.note if chance.random() < 0.6 else chance.choice(NOTES)
        kiosk.guarded(lambda: kiosk.offer_note(value))
    elif do == "coin":
        heard = not (world.faults and chance.random() < 0.02)
        value = chance.choice(VALUES["coins"])
        kiosk.guarded(lambda: kiosk.drop_coin(value, heard=heard))
    elif do == "pull":
        kiosk.guarded(lambda: world.took(kiosk.pull()))
    elif do == "code":
        return code(world, kiosk)
    elif do == "wait":
        world.advance(chance.choice((500, 5_000, 31_000, 61_000, 200_000)))
        kiosk.guarded(lambda: kiosk.tell(seen.Tick()))
    else:
        word, _, arg = do.partition(" ")
        kiosk.guarded(lambda: kiosk.press(word, arg))
    return do


def code(world: "World", kiosk: Kiosk) -> str:
    """A customer collects what was paid elsewhere: by the order's key, or with its code, which may be mistyped or used."""
    chance, here, where = world.chance, kiosk.state.here, phase(kiosk.state)
    home = next((home for home in world.homes if kiosk.card in home.cards), None)
    ticket = world.counter.chosen(home) if home else None
    waiting = order_due(kiosk.state)
    if waiting and where == "account" and chance.random() < 0.5:
        world.counter.typed[kiosk.id] = waiting.order
        kiosk.guarded(lambda: kiosk.press("order", waiting.order))
        return f"collects {waiting.order}"
    if ticket is None or where == "account" or here.code_sent:
        return act(world, kiosk, "tender code" if ticket and where == "account" else "cancel")
    if said := here.code_said:
        if said.proof and here.reading:
            world.counter.noted(kiosk, said)
        return act(world, kiosk, "cancel" if said.state == "shut" else "code again")
    digits = ticket.code if chance.random() < 0.9 else mistyped(world, ticket.code)
    world.counter.typed[kiosk.id] = ticket.order.name
    kiosk.guarded(lambda: kiosk.press("code", digits))
    return f"types the code of {ticket.order.name}{'' if digits == ticket.code else ', wrongly'}"


def mistyped(world: "World", digits: str) -> str:
    """One digit is wrong, and the check digit may fit all the same."""
    place = world.chance.randrange(19)
    body = f"{digits[:place]}{(int(digits[place]) + 1) % 10}{digits[place + 1 : 19]}"
    return body + (damm.digit(body) if world.chance.random() < 0.5 else digits[19])


# ---------------------------------------------------------------- what nobody wants


def trouble(world: "World", kiosk: Kiosk) -> str:
    """A fault, at any moment."""
    troubles = world.mood.troubles
    name = world.chance.choices(list(troubles), list(troubles.values()))[0]
    TROUBLES[name][1](world, kiosk)
    return name


def _cut_at_a_write(world: "World", kiosk: Kiosk) -> None:
    kiosk.disk.cut = world.chance.choice(("before", "torn", "after"))


def _cut_now(_world: "World", kiosk: Kiosk) -> None:
    kiosk.power_off()


def _lies(world: "World", kiosk: Kiosk) -> None:
    kiosk.disk.lies = world.chance.randint(1, 6)


def _astray(_world: "World", kiosk: Kiosk) -> None:
    kiosk.disk.astray = True


def _image(_world: "World", kiosk: Kiosk) -> None:
    kiosk.images = [*kiosk.images[-3:], kiosk.disk.image()]


def _put_back(world: "World", kiosk: Kiosk) -> None:
    if kiosk.images:
        kiosk.power_off()
        kiosk.put_back(world.chance.choice(kiosk.images))


def _mark(_world: "World", kiosk: Kiosk) -> None:
    kiosk.mark = (kiosk.journal.store_id, kiosk.journal.head()[0]) if not kiosk.journal.pending() else kiosk.mark


def _clock(world: "World", kiosk: Kiosk) -> None:
    if kiosk.clock.moved_ms and world.chance.random() < 0.8:
        by_ms = -kiosk.clock.moved_ms
    else:
        by_ms = world.chance.choice((-7_200_000, -180_000, 180_000, 7_200_000))
    kiosk.clock.moved_ms += by_ms
    kiosk.guarded(lambda: kiosk.tell(seen.Tick()))


def _acceptor(world: "World", kiosk: Kiosk) -> None:
    """It restarts; a note that it held is in the box or back with the customer, and nobody was told."""
    notes = kiosk.acceptors["notes"]
    if notes.held:
        if kiosk.stance().escrow == "stack" and world.chance.random() < 0.5:
            notes.take(notes.held)
        notes.held = 0
    kiosk.guarded(lambda: kiosk.acceptor_up("notes", reset=True))


def _again(world: "World", kiosk: Kiosk) -> None:
    kiosk.guarded(lambda: kiosk.repeat(world.chance.choice(("notes", "coins"))))


def _reader(world: "World", kiosk: Kiosk) -> None:
    def fails() -> None:
        world.took(kiosk.pull())
        kiosk.tell(seen.ReaderDown("service"))
        kiosk.tell(seen.ReaderUp("bench"))

    kiosk.guarded(fails)


def _printer(world: "World", kiosk: Kiosk) -> None:
    kiosk.printer = world.chance.choice(("ok", "ok", "out", "low"))
    kiosk.guarded(lambda: kiosk.tell(seen.PrinterState(kiosk.printer)))


def _steps(_world: "World", kiosk: Kiosk) -> None:
    """Somebody sets the clock by little, and the desk says so."""
    desk = kiosk.desk
    if desk:
        kiosk.guarded(lambda: desk.record((ClockStepped(6_000),)))


def _terminal(_world: "World", kiosk: Kiosk) -> None:
    """It falls silent, or is back."""
    kiosk.terminal.silent = not kiosk.terminal.silent
    kiosk.guarded(kiosk.terminal_up if not kiosk.terminal.silent else lambda: kiosk.tell(seen.DeviceDown("terminal", "offline")))


TROUBLES: dict[str, tuple[float, Callable[["World", Kiosk], None]]] = {
    "the power fails at the next write": (24, _cut_at_a_write),
    "the power fails": (10, _cut_now),
    "the disk lies": (1.5, _lies),
    "a write goes astray": (0.5, _astray),
    "an image of the disk is taken": (6, _image),
    "an image is put back": (1, _put_back),
    "the mark is set": (10, _mark),
    "the clock is moved": (6, _clock),
    "the acceptor restarts": (10, _acceptor),
    "the acceptor tells its last event again": (8, _again),
    "the reader fails": (5, _reader),
    "the printer changes": (5, _printer),
    "the bank terminal falls silent, or is back": (8, _terminal),
    "the clock is said to have moved": (1, _steps),
}
