"""A card officer's bench: cards and meters as the office makes them, and a terminal that speaks to a card command by command."""

import datetime as dt

import msgspec

from kiosk.devices.sim import card_files, crypto, image, meter_state
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.meter import MeterModel

MASTERS = crypto.Masters.demo()
SERIAL = bytes.fromhex("1122334455667788")
OTHER_SERIAL = bytes.fromhex("99aabbccddeeff00")
METER, CUSTOMER = "000012345678", "000098765432"
EMPTY = bytes(49)
NOON = dt.datetime(2026, 7, 1, 12, 30)  # noqa: DTZ001 - a meter's own local time


def card(
    kind: int = card_files.PURCHASE,
    count: int = 1,
    amount_minor: int = 100_00,
    *,
    taken: int | None = None,
    serial: bytes = SERIAL,
    meter: str = METER,
    customer: str = CUSTOMER,
    **file1: int | str,
) -> CardModel:
    """A card of this customer. `taken`: the count in its return file, None when that is empty."""
    one = msgspec.structs.replace(card_files.Parameters(meter, customer, kind=kind), **file1)
    returned = card_files.Returned(meter, customer, taken) if taken is not None else None
    return CardModel(image.personalise(MASTERS, serial, one, count=count, amount_minor=amount_minor, returned=returned))


def meter(count: int = 0, opened: bool = True, bound: bytes = SERIAL, **state: object) -> MeterModel:
    """A meter, by default already opened with the customer's card."""
    m = meter_state.new(MASTERS, METER, NOON)
    if opened:
        m.opened, m.customer, m.bound = True, CUSTOMER, bound.hex()
    m.count = count
    return MeterModel(msgspec.structs.replace(m, **state))


class Terminal:
    """Speaks to a card as a kiosk does, with the keys of the office."""

    def __init__(self, model: CardModel, select: bool = True) -> None:
        self.card = model
        model.insert()
        if select:
            assert self.send("00a4000002df01") == "9000"

    def send(self, apdu: str) -> str:
        """One command and its answer, in hex."""
        return self.card.process(bytes.fromhex(apdu)).hex()

    def challenge(self, length: int) -> bytes:
        answer = self.card.process(bytes([0x00, 0x84, 0, 0, length]))
        assert answer[-2:] == b"\x90\x00"
        return answer[:-2]

    def external(self, ref: int, key: bytes) -> str:
        proof = crypto.Key(key).cmac(b"E" + self.challenge(8))[:8]
        return self.send(f"008200{ref:02x}08" + proof.hex())

    def prove(self, ref: int) -> str:
        """EXTERNAL with the right key of that reference; its status."""
        return self.external(ref, key_of(ref))

    def update(self, ref: int, file: int, offset: int, data: bytes, spoil: bool = False) -> str:
        """UPDATE with the MAC of that key; its status."""
        head = bytes([0x04, 0xD6, 0x80 | file, offset, len(data) + 4])
        mac = crypto.Key(key_of(ref)).cmac(b"M" + self.challenge(4) + head + data)[:4]
        if spoil:
            mac = bytes([mac[0] ^ 1]) + mac[1:]
        return self.send((head + data + mac).hex())


def key_of(ref: int) -> bytes:
    """The card's key by its reference byte."""
    if ref == crypto.METER:
        return crypto.derive(MASTERS.meter, crypto.meter_identity(METER), 1, ref)
    master = {crypto.ADMIN: MASTERS.admin, crypto.AUTH: MASTERS.auth, crypto.KIOSK: MASTERS.kiosk}[ref & 0x0F]
    return crypto.derive(master, SERIAL, 1, ref)


KIOSK_1, KIOSK_2, KIOSK_3, KIOSK_4 = 0x13, 0x23, 0x33, 0x43
