"""Acceptors with one fault each, planted in ours; and a desk that is told something else than what is so."""

import random
from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from kiosk.devices.cctalk.bus import Bus
from kiosk.devices.cctalk.coins import CoinAcceptor
from kiosk.devices.cctalk.events import Event, Meaning
from kiosk.devices.cctalk.notes import NoteAcceptor
from kiosk.devices.contract import Driver
from kiosk.devices.fitting import Outfit, Part
from kiosk.devices.port import Port, open_port
from kiosk.vend.ports import AcceptorMemory, Desk, Stance
from kiosk.vend.seen import AcceptorUp, CoinIn, Seen


class Liar:
    """A desk that is told something else than what is so."""

    def __init__(self, desk: Desk, instead: Callable[[Seen], Iterable[Seen]]) -> None:
        self._desk, self._instead = desk, instead
        self.published, self.wait = desk.published, desk.wait

    def tell(self, seen: Seen) -> None:
        for other in self._instead(seen):
            self._desk.tell(other)


def coins(part: Part, desk: Desk, kind: type[CoinAcceptor] = CoinAcceptor) -> Driver:
    return kind("coins", partial(open_port, part.port), desk, country="CN", at=part.port)


def doubles(part: Part, outfit: Outfit) -> Driver:
    """Now and then it tells a coin once more, as a new one."""

    class Doubles(CoinAcceptor):
        def tell_event(self, event: Event, meaning: Meaning, accepted: int | None) -> None:
            super().tell_event(event, meaning, accepted)
            if random.random() < 0.5:
                super().tell_event(Event((event.counter + 100) % 255 + 1, event.a, event.b), meaning, accepted)

    return coins(part, outfit.desk, Doubles)


def always_open(part: Part, outfit: Outfit) -> Driver:
    class AlwaysOpen(CoinAcceptor):
        def wanted(self, stance: Stance) -> tuple[int, ...]:  # noqa: ARG002 - that is the fault
            return tuple(self.values.values())

    return coins(part, outfit.desk, AlwaysOpen)


def _uncounted(seen: Seen) -> tuple[Seen, ...]:
    return (msgspec.structs.replace(seen, accepted=None),) if isinstance(seen, AcceptorUp | CoinIn) else (seen,)


def forgets(part: Part, outfit: Outfit) -> Driver:
    """What its device remembers of another life is nothing to it."""

    class Forgets(CoinAcceptor):
        def _recognise(self, bus: Bus) -> AcceptorMemory | None:
            super()._recognise(bus)
            self._last = None
            return None

    return coins(part, Liar(outfit.desk, _uncounted), Forgets)


def skips(part: Part, outfit: Outfit) -> Driver:
    """What fell while the line was lost is nothing to it."""

    class Skips(CoinAcceptor):
        def _hold_port(self, port: Port) -> None:
            self._last = self._before = None
            super()._hold_port(port)

        def _recognise(self, bus: Bus) -> AcceptorMemory | None:
            before = self._last
            memory = super()._recognise(bus)
            self._last = before
            return memory

    return coins(part, Liar(outfit.desk, _uncounted), Skips)


def any_word(part: Part, outfit: Outfit) -> Driver:
    """It obeys whatever word is said, without looking of which note."""

    class AnyWord(NoteAcceptor):
        def obey_escrow(self, bus: Bus, stance: Stance) -> None:
            held = self._held
            super().obey_escrow(bus, msgspec.structs.replace(stance, escrow_counter=held.counter) if held else stance)

    return AnyWord("notes", partial(open_port, part.port), outfit.desk, country="CN", at=part.port)
