"""One presentation of a user card: read it with proof, authenticate, write with a MAC, and the four jobs that the desk asks for.

A reading is believed because every file came with a MAC, made over a fresh challenge by the card's own key. That key is derived from the
serial, so the proof names the card too, and the serial need not be read twice: a whole recharge is 24 commands over T=0.
A card's tries are never used up here. It is asked how many its key has left, which costs none; at three or fewer no key is shown to it.
After one cryptogram or MAC that it would not take, nothing more that its counter counts is sent in this presentation.
"""

import os
from collections.abc import Callable

from msgspec.structs import replace

from kiosk.devices.card.apdu import (
    CLA_MAC,
    CLA_PLAIN,
    INS_EXTERNAL_AUTHENTICATE,
    INS_GET_CHALLENGE,
    INS_GET_DATA,
    INS_READ_BINARY,
    INS_SELECT,
    INS_UPDATE_BINARY,
    SW_NOT_FOUND,
    SW_WRONG_PARAMETERS,
    ApduError,
    CardError,
    CardForeign,
    CardGone,
    CardTorn,
    CardUnissued,
    Command,
    Connection,
    ReaderError,
    exchange,
)
from kiosk.vend.card.reading import FileSpec, Profile, Reading, Update
from kiosk.vend.ports import CardJob, Vault, VaultError
from kiosk.vend.seen import CardBad, CardOut, CardRead, CardWorked, Seen

SERIAL_P1, SERIAL_P2, SERIAL_BYTES = 0x99, 0x01, 8  # READ BINARY in MF: short file 19, offset 1
ELECTRICITY = bytes.fromhex("DF01")
SHORT_FILE = 0x80  # P1 of READ and UPDATE BINARY: the low five bits name the file
MAC_BYTES = 4
READ_CHALLENGE_BYTES = 8
MAC_READ_MAX = 251  # 255 answer bytes less the MAC
TAG_ISSUER = 0x42  # ISO/IEC 7816-6, issuer identification: utility(4) region(4)
TRIES_KEPT = 3  # so many of a card's tries are left to whoever repairs it
TRIES_UNKNOWN = 15
GENERATIONS_ON_CARD = 3

Random = Callable[[int], bytes]


class NoKey(CardError):
    """There is no trading key, or the card could not prove itself: nothing is written."""

    why = "no_key"


class CardSession:
    """One connection, from one thread. `vault` is None on a locked kiosk: it reads without proof and writes nothing."""

    def __init__(
        self, connection: Connection, profile: Profile, vault: Vault | None, *, generation: int = 1, rng: Random = os.urandom
    ) -> None:
        self._connection = connection
        self._profile = profile
        self._vault = self._given = vault
        self.generation = generation
        self._rng = rng
        self._serial: bytes | None = None
        self._selected = False
        self._authenticated = False
        self._refused: ApduError | None = None
        self._keys: dict[int, str] = {}  # generation -> Reading.key, once it was asked for
        self._before: bytes | None = None  # the serial from before an answer was torn: the card may be another one since
        self.swapped = False  # and it was
        self.reading: Reading | None = None  # the last one, until something is written after it

    def close(self) -> None:
        """Let go of the card, leaving it powered."""
        self._connection.close()

    def reset(self) -> None:
        """Warm reset: nothing is believed from before but the serial, which the next reading proves."""
        self._selected = self._authenticated = False
        self.reading = None
        self._connection.reset()

    # ------------------------------------------------------------ reading

    def read(self) -> Reading:
        """Every file of the profile, with proof where there is a vault; one that gives no answer is none. Raises CardError."""
        self._vault = self._given
        try:
            return self._read()
        except VaultError:
            self._vault = None
            return self._read()

    def _read(self) -> Reading:
        serial = self._known_serial()
        self._select()
        files, authentic = {}, self._vault is not None
        for spec in self._profile.reads:
            files[spec.file], proved = self._read_file(serial, spec)
            authentic = authentic and proved
        try:
            reading = self._profile.parse(serial.hex(), files, authentic, self._vault.tag if self._vault else None)
        except ValueError as error:
            raise CardForeign(str(error)) from None
        self.reading = replace(reading, key=self._our_key()) if authentic else replace(reading, issuer=self._issuer())
        return self.reading

    def _known_serial(self) -> bytes:
        if self._serial is None:
            serial = self._ask_serial()
            if len(serial) != SERIAL_BYTES:
                raise CardForeign(f"a serial number of {len(serial)} bytes")
            if self._before not in {None, serial}:
                self.swapped = True
                raise CardGone("another card lies in the slot")
            self._serial = self._before = serial
        return self._serial

    def _ask_serial(self) -> bytes:
        """It stands in MF. Whoever had the card before, ourselves before a power cut, may have left it in an application: reset once."""
        try:
            return exchange(self._connection, serial_command())
        except ApduError:
            self.reset()
        try:
            return exchange(self._connection, serial_command())
        except ApduError as error:
            raise CardForeign(f"no serial number: {error}") from None

    def _disturbed(self) -> None:
        """An answer was torn. A swap faster than the reader looks shows no other way, so the serial is read again."""
        self._serial = self.reading = None
        self._keys = {}

    def _select(self) -> None:
        if self._selected:
            return
        try:
            exchange(self._connection, Command(CLA_PLAIN, INS_SELECT, 0, 0, ELECTRICITY))
        except ApduError as error:
            raise CardForeign(f"no electricity application: {error}") from None
        self._selected = True

    def _read_file(self, serial: bytes, spec: FileSpec) -> tuple[bytes, bool]:
        whole, proved = b"", True
        while len(whole) < spec.length:
            offset, length = len(whole), min(spec.length - len(whole), MAC_READ_MAX)
            piece, mac, message = self._read_with_mac(spec.file, offset, length)
            whole += piece
            proved = proved and self._vault is not None and self._vault.check_reading(serial, message, mac)
        return whole, proved

    def _read_with_mac(self, file: int, offset: int, length: int) -> tuple[bytes, bytes, bytes]:
        """(data, the card's MAC, what it is over): the challenge is ours and random, so there is nothing to replay."""
        challenge = self._rng(READ_CHALLENGE_BYTES)
        command = Command(CLA_MAC, INS_READ_BINARY, SHORT_FILE | file, offset, challenge + bytes((length,)), expected=length + MAC_BYTES)
        try:
            answer = exchange(self._connection, command)
        except ApduError as error:
            if error.sw == SW_WRONG_PARAMETERS and file == self._profile.reads[0].file:
                raise CardUnissued from None
            if error.wrong_key:
                raise
            raise CardForeign(f"file {file}: {error}") from None
        if len(answer) != length + MAC_BYTES:
            raise CardForeign(f"file {file}: {len(answer)} bytes instead of {length + MAC_BYTES}")
        data, mac = answer[:-MAC_BYTES], answer[-MAC_BYTES:]
        return data, mac, b"R" + challenge + command.header + data

    def _our_key(self) -> str:
        """Would our key open it, as the card says? "" | blocked | dead | ahead. Each generation is asked about once a presentation."""
        ours = self.generation
        if ours not in self._keys:
            left = self._tries(ours)
            if left is None:
                newer = any(self._tries(ours + i) is not None for i in range(1, GENERATIONS_ON_CARD))
                self._keys[ours] = "ahead" if newer else "dead"
            else:
                self._keys[ours] = "blocked" if left <= TRIES_KEPT else ""
        return self._keys[ours]

    def _tries(self, generation: int) -> int | None:
        """EXTERNAL AUTHENTICATE without data tries nothing and asks (ISO/IEC 7816-4, "further allowed retries"). None: no such key."""
        try:
            exchange(self._connection, Command(CLA_PLAIN, INS_EXTERNAL_AUTHENTICATE, 0, _reference(generation)))
        except ApduError as error:
            if error.sw == SW_NOT_FOUND:
                return None
            return TRIES_UNKNOWN if error.tries is None else error.tries
        return TRIES_UNKNOWN

    def _issuer(self) -> tuple[int, int] | None:
        """What the card says of itself. It proves nothing, but a customer of another utility is told so."""
        try:
            told = exchange(self._connection, Command(CLA_PLAIN, INS_GET_DATA, 0, TAG_ISSUER, expected=8))
        except ApduError:
            return None
        return (int.from_bytes(told[:4]), int.from_bytes(told[4:])) if len(told) == 8 else None

    # ------------------------------------------------------------ writing

    def external(self, generation: int) -> None:
        """EXTERNAL AUTHENTICATE with the kiosk key of that generation. Raises NoKey, ApduError, CardGone, CardTorn."""
        vault, serial = self._trusted()
        challenge = self._challenge(8)
        cryptogram = vault.card_cryptogram(serial, generation, challenge)
        self._careful(Command(CLA_PLAIN, INS_EXTERNAL_AUTHENTICATE, 0, _reference(generation), cryptogram))
        self._authenticated = True

    def update(self, update: Update) -> None:
        """One write, with a MAC over a fresh challenge of the card. Done when this returns; after CardTorn it may have been done."""
        vault, serial = self._trusted()
        if not self._authenticated:
            self.external(self.generation)
        challenge = self._challenge(4)
        header = bytes((CLA_MAC, INS_UPDATE_BINARY, SHORT_FILE | update.file, update.offset, len(update.data) + MAC_BYTES))
        mac = vault.card_mac(serial, self.generation, b"M" + challenge + header + update.data)
        self._careful(Command(CLA_MAC, INS_UPDATE_BINARY, SHORT_FILE | update.file, update.offset, update.data + mac))

    def _trusted(self) -> tuple[Vault, bytes]:
        """Vault and serial, when the card here has proved itself by its last reading."""
        if self._refused:
            raise self._refused
        if self._vault is None or self._serial is None or self.reading is None or not self.reading.authentic or self._our_key():
            raise NoKey
        self._connection.check()
        return self._vault, self._serial

    def _challenge(self, length: int) -> bytes:
        challenge = exchange(self._connection, Command(CLA_PLAIN, INS_GET_CHALLENGE, 0, 0, expected=length))
        if len(challenge) != length:
            raise CardTorn
        return challenge

    def _careful(self, command: Command) -> None:
        """Send what carries a cryptogram or MAC: only to the card that was read, and never again after one was refused."""
        self._connection.check()
        try:
            exchange(self._connection, command)
        except ApduError as error:
            if error.wrong_key:
                self._refused = error
            raise

    def broken_off(self, error: CardError) -> None:
        """A write ended in the middle: what was read before is no longer what is there."""
        self.reading = None
        if isinstance(error, CardTorn):
            self._disturbed()

    # ------------------------------------------------------------ the jobs

    def job_read(self, job: CardJob) -> Reading:
        """Read; once more after a reset when the card was disturbed in the middle."""
        try:
            if job.reset:
                self.reset()
            return self.read()
        except CardTorn:
            self._disturbed()
            self.reset()
            return self.read()

    def job_arm(self, job: CardJob) -> str:
        """Write what makes a commit possible in slot n, if it is not there. The tag of the purchase to come, 8 hex digits."""
        reading = self.reading or self.read()
        vault, _ = self._trusted()
        update = self._profile.arm(reading, job.n)
        if update:
            self.update(update)
        salt = bytes.fromhex(job.salt) if job.salt else _salt(self._rng(2), reading.tag)
        return (salt + vault.tag(reading.meter, job.n, job.amount_minor, salt)).hex()

    def job_write(self, job: CardJob) -> None:
        """The record's steps from `job.start` on, on the card that the record names."""
        reading = self.reading or self.read()
        if job.record is None:
            raise ValueError("a write job carries its record")
        if job.record.card != reading.serial:
            raise CardGone("the record belongs to another card")
        for update in self._profile.plan(reading, job.record, job.start or self._profile.steps[0]):
            self.update(update)

    def job_finish(self, _job: CardJob) -> None:
        """Commit what another machine left before its commit."""
        self.update(self._profile.commit(self.reading or self.read()))


def _reference(generation: int) -> int:
    """A KIOSK key, as EXTERNAL AUTHENTICATE names it."""
    return 3 | (generation % 16) << 4


def _salt(drawn: bytes, tag: str | None) -> bytes:
    """Two random bytes, but not 0000, which stands for no tag, and not those on the card: two records of one amount in one slot differ."""
    taken = {0, int(tag[:4], 16) if tag else 0}
    salt = int.from_bytes(drawn)
    while salt in taken:
        salt = (salt + 1) % 0x10000
    return salt.to_bytes(2)


def serial_command() -> Command:
    """Ask for the serial number, in MF."""
    return Command(CLA_PLAIN, INS_READ_BINARY, SERIAL_P1, SERIAL_P2, expected=SERIAL_BYTES)


def perform(job: CardJob, session: CardSession) -> Seen:
    """Do one job and say how it went: CardRead or CardWorked, or for a reading that could not be made CardBad or CardOut.

    `done` is said only when every write was answered 9000; whatever else happened, a reading after a reset decides.
    """
    if job.do == "read":
        try:
            return CardRead(job.token, job.id, session.job_read(job))
        except (CardGone, ReaderError):
            return CardOut(job.token)
        except CardError as error:
            return CardBad(job.token, word_for_card(error))
    work: dict[str, Callable[[CardJob], str | None]] = {"arm": session.job_arm, "write": session.job_write, "finish": session.job_finish}
    try:
        tag = work[job.do](job)
    except (CardError, VaultError) as stopped:
        why = NoKey(str(stopped)) if isinstance(stopped, VaultError) else stopped
        session.broken_off(why)
        return CardWorked(job.token, job.id, done=False, why=word_for_work(why))
    if job.do != "arm":
        session.reading = None  # what was written stands in no reading yet
    return CardWorked(job.token, job.id, done=True, tag=tag or "")


def word_for_work(error: CardError) -> str:
    """CardWorked's vocabulary: torn | gone | refused:SW | no_key."""
    return error.why if error.why in {"torn", "no_key"} or isinstance(error, ApduError) else "gone"


def word_for_card(error: CardError) -> str:
    """CardBad's vocabulary: mute | unknown | unissued | foreign | torn."""
    return error.why if error.why in {"mute", "unknown", "unissued", "foreign"} else "torn"
