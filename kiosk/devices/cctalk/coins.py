"""A coin acceptor on ccTalk, address 2: a coin that is reported has fallen, and is money even while the acceptor is shut."""

from typing import ClassVar

from kiosk.devices.cctalk import events
from kiosk.devices.cctalk.acceptor import Acceptor
from kiosk.devices.cctalk.bus import Bus
from kiosk.devices.cctalk.questions import table
from kiosk.vend.ports import Stance
from kiosk.vend.seen import CoinIn, NoteRejected

_POSITIONS = 16


class CoinAcceptor(Acceptor):
    """See Acceptor for the arguments. A coin whose position has no value is told with denomination 0."""

    address: ClassVar[int] = 2
    category: ClassVar[str] = "coin"
    events_header: ClassVar[int] = 229

    def read_values(self, bus: Bus) -> dict[int, int]:
        """Coin ids (184) of our own country."""
        coins = table(bus, 184, _POSITIONS, 6)
        values = {position: events.coin_minor(identity) for position, identity in coins.items() if identity.startswith(self.country)}
        return {position: minor for position, minor in values.items() if minor is not None}

    def meaning(self, event: events.Event) -> events.Meaning:
        """See `events.coin`."""
        return events.coin(event)

    def wanted(self, stance: Stance) -> tuple[int, ...]:
        """The stance's coins."""
        return stance.coins

    def tell_event(self, event: events.Event, meaning: events.Meaning, accepted: int | None) -> None:
        """A credit, or a coin that is none; one that is refused while it is shut is no news."""
        if meaning.say is events.Say.CREDIT:
            minor = self.values.get(meaning.type, 0)
            self.tell(CoinIn(self.role, self.serial, minor, event.counter, accepted, path=event.b))
        elif (meaning.say, meaning.word) == (events.Say.REJECTED, "invalid"):
            self.tell(NoteRejected(self.role, meaning.word))
