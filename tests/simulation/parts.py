"""What a machine is made of beside its core: clocks, acceptors, the signing key, and the contact to the card in its slot."""

from dataclasses import dataclass, field
from random import Random

from kiosk.devices.sim.card import CardModel
from kiosk.envelope import sign
from kiosk.vend import seen
from kiosk.vend.rules import Now
from tests.simulation.disk import PowerCut
from tests.tears.till import Contact

EPOCH_MS = 1_795_536_000_000


class Time:
    """The world's running clock."""

    def __init__(self) -> None:
        self.ms = 1_000_000


class Clocks:
    """The kiosk's: the world's time, and by how much somebody moved this wall clock."""

    def __init__(self, time: Time, chance: Random) -> None:
        self._time, self.moved_ms, self.boot, self._chance = time, 0, 1, chance

    def now(self) -> Now:
        """This moment."""
        ms = self._time.ms
        return Now(EPOCH_MS + ms + self.moved_ms, ms, self.boot, f"{self._chance.getrandbits(64):016x}")


@dataclass
class Acceptor:
    """What takes money: its own counters, the note it holds, and its box. Nothing of it is lost when the kiosk is off."""

    device: str
    counter: int = 0
    accepted: int = 0
    held: int = 0
    last: seen.Seen | None = None
    unheard: seen.Seen | None = None  # the end of a note that its driver has not told
    pieces: list[int] = field(default_factory=list)  # what each is worth, in the order in which they fell

    def event(self) -> int:
        """The next number of its event counter: 1..255 and around."""
        self.counter = self.counter % 255 + 1
        return self.counter

    def take(self, value: int) -> None:
        """A piece is in the box."""
        self.accepted += 1
        self.pieces.append(value)
        self.held = 0

    def worth(self, piece: int) -> int:
        """What the piece was with which so many had been taken; 0 where there is none."""
        return self.pieces[piece - 1] if 0 < piece <= len(self.pieces) else 0


class Station:
    """The kiosk's signing key; it implements `ports.Station`."""

    def __init__(self, key: bytes, public_key: bytes) -> None:
        self.key, self.public_key = key, public_key
        self.box_key = bytes(32)

    def sign(self, label: str, data: bytes) -> bytes:
        """64 bytes."""
        return sign(self.key, label, data)

    def open_box(self, info: bytes, ciphertext: bytes) -> bytes:
        """Nothing is kept boxed here."""
        raise NotImplementedError

    def database_key(self) -> bytes:
        """Of no use here."""
        return bytes(32)


class CutContact(Contact):
    """A card in the slot of a machine whose power may fail after so many commands."""

    def __init__(self, card: CardModel) -> None:
        super().__init__(card)
        self.left = -1

    def transmit(self, apdu: bytes) -> bytes:
        """The card does what it is told, and nobody hears of it."""
        answer = super().transmit(apdu)
        self.left -= 1
        if self.left == 0:
            raise PowerCut
        return answer
