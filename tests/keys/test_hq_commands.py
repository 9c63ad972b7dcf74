"""`kiosk hq` as people type it: keys for two people and one, a kiosk that is known, lists and floats in a bag."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.devices.sim.pcscd import READERS
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault import store
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.keyset import first_set
from kiosk.devices.vault.station import FileStation
from kiosk.hq.sealed import COST, Sealed
from kiosk.sync.install import NOWHERE, Cupboard
from kiosk.sync.item import Me, read
from kiosk.vend.trust import KeyListInstalled, LimitsInstalled, Trust, fold
from tests.keys.kit import CHEAP, DECISION, FIRST, KIOSK, PIN, REGION, SECOND, UTILITY, VAULT, opened, station_of
from tests.pcscd import running_pcscd
from tests.vault.kit import MODULE, Tokens
from tests.vault.kit import PIN as TOKEN_PIN

ROSTER: dict[str, list[str]] = {"operators": [], "grants": [], "two": []}


COSTLY = [sys.executable, "-m", "kiosk"]
# The same program with the test vault's cost of a passphrase: at the real one `init` and each signature take seconds.
QUICK = [sys.executable, "-c", f"from kiosk.hq import sealed; sealed.COST = {CHEAP}; from kiosk.__main__ import main; main()"]


class Desk:
    """A folder, four files with secrets, and the command line."""

    def __init__(self, folder: Path, program: list[str]) -> None:
        self.folder, self.office, self.program = folder, folder / "office", program
        self.secrets = {name: self._secret(name, words) for name, words in (("1", FIRST), ("2", SECOND), ("d", DECISION), ("v", VAULT))}
        self.root = ("--first-secret", self.secrets["1"], "--second-secret", self.secrets["2"])
        self.decision = ("--secret-file", self.secrets["d"])
        self.station: FileStation = station_of(folder / "kiosk")

    def _secret(self, name: str, words: str) -> str:
        path = self.folder / f"secret-{name}"
        path.write_text(words + "\n")
        path.chmod(0o600)
        return str(path)

    def says(self, *words: str, code: int = 0) -> str:
        order = [*self.program, "hq", *words, "--office", str(self.office)]
        done = subprocess.run(order, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def began(self) -> tuple[bytes, ...]:
        """The roots that it prints for every kiosk."""
        line = self.says("init", "--utility", str(UTILITY), *self.root, *self.decision).splitlines()[1]
        keys = ("--sign", self.station.public_key.hex(), "--box", self.station.box_key.hex())
        self.says("enrol", KIOSK, *keys, "--region", str(REGION))
        return tuple(bytes.fromhex(word.strip('"')) for word in line.removeprefix("root = [").removesuffix("]").split(", "))

    def file(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, QUICK)


def costs(office: Path) -> set[int]:
    """What the passphrases of an office's keys cost."""
    keys = [office / "keys" / f"{name}.json" for name in ("root-1", "root-2", "decision")]
    return {msgspec.json.decode(path.read_bytes(), type=Sealed).n for path in keys}


@pytest.mark.parametrize(
    ("program", "cost"),
    [(QUICK, CHEAP), pytest.param(COSTLY, COST, marks=pytest.mark.deep("an office's keys at what passphrases really cost"))],
    ids=["quick", "costly"],
)
def test_from_init_to_a_kiosk_that_installs_everything(desk: Desk, program: list[str], cost: int) -> None:
    desk.program = program
    roots = desk.began()
    assert costs(desk.office) == {cost}
    desk.says("publish", "float", KIOSK, "50000.00", *desk.decision)
    desk.says("publish", "roster", KIOSK, desk.file("roster.json", msgspec.json.encode(ROSTER).decode()), *desk.decision)
    desk.says("publish", "hotlist", desk.file("blocked.txt", "1122334455667788\n\n0000000000000001\n"), *desk.decision)
    limits = '{"values":{"sale_max_minor":40000},"restart":"trade","restart_ms":60000}'
    desk.says("publish", "limits", desk.file("limits.json", limits), *desk.decision)
    desk.says("publish", "keys", "--revoke-kiosk", "K99", "--dead", "1", *desk.root)
    cupboard = Cupboard(desk.folder / "keys", Me(KIOSK, UTILITY, REGION, roots), desk.station)
    trust = Trust()
    for outcome in cupboard.install(desk.office, trust, time.time_ns() // 1_000_000):
        assert outcome.fact, outcome.sentence
        trust = fold(trust, outcome.fact, NOWHERE)
    assert trust.granted_minor == 50_000_00
    assert trust.hotlist
    assert trust.hotlist.cards == 2
    assert trust.limits == LimitsInstalled(1, 1, {"sale_max_minor": 40000}, "trade", 60000)
    assert trust.keys == KeyListInstalled(1, 2, ("K99",), (), (1,))
    assert trust.roster


def test_five_wrong_passphrases_of_decision_shut_it_for_every_command(desk: Desk) -> None:
    desk.began()
    grant = ("publish", "float", KIOSK, "1.00")
    for left in ("4 more tries", "3 more tries", "2 more tries", "one more try"):
        assert f"DECISION; {left}." in desk.says(*grant, "--secret-file", desk.secrets["1"], code=1)
    desk.says(*grant, *desk.decision)  # the right one begins anew
    for _ in range(5):
        desk.says("publish", "hotlist", desk.file("blocked.txt", "1122334455667788\n"), "--secret-file", desk.secrets["1"], code=1)
    assert "Too many wrong passphrases for DECISION" in desk.says(*grant, *desk.decision, code=1)
    assert "Five wrong passphrases were tried for the key of DECISION." in desk.says("work")


def test_what_cannot_be_done_is_one_sentence(desk: Desk) -> None:
    assert "There is no head office in" in desk.says("publish", "float", KIOSK, "1.00", *desk.decision, code=1)
    desk.began()
    assert "never made anew" in desk.says("init", "--utility", "1", *desk.root, *desk.decision, code=1)
    wrong = ("publish", "float", KIOSK, "1.00", "--secret-file", desk.secrets["1"])
    assert "does not open the key of DECISION; 4 more tries." in desk.says(*wrong, code=1)
    assert "is no amount" in desk.says("publish", "float", KIOSK, "1.5", *desk.decision, code=1)
    assert "There is no kiosk K08" in desk.says("publish", "float", "K08", "1.00", *desk.decision, code=1)
    assert "does not open the key of the root; 4 more tries." in desk.says(
        "publish", "keys", *desk.root[:2], "--second-secret", desk.secrets["d"], code=1
    )
    assert "64 hex digits" in desk.says("publish", "keys", "--revoke-card", "12", *desk.root, code=1)
    assert "one serial of 16 hex digits" in desk.says("publish", "hotlist", desk.file("bad.txt", "zz\n"), *desk.decision, code=1)
    assert "Invalid enum value" in desk.says("publish", "limits", desk.file("bad.json", '{"restart":"always"}'), *desk.decision, code=1)
    keys = ("--sign", "0" * 64, "--box", "0" * 64)
    assert "a new store gets a new id" in desk.says("enrol", KIOSK, *keys, code=1)
    assert "64 lower hex digits" in desk.says("enrol", "K08", "--sign", "0", "--box", "0", code=1)
    Path(desk.secrets["d"]).chmod(0o644)
    assert "can be read by others" in desk.says("publish", "float", KIOSK, "1.00", *desk.decision, code=2)


@pytest.fixture
def boot_card() -> Iterator[PivModel]:
    with running_pcscd() as daemon:
        slot, card = VpcdSlot(daemon.sam_port), PivModel.issue(PIN)
        slot.insert(card)
        time.sleep(0.8)
        yield card
        slot.pull()


@pytest.mark.deep("a whole office's keys made anew for one more way to a store")
@pytest.mark.pcsc
def test_a_store_is_made_for_the_card_in_the_reader_without_its_pin(desk: Desk, boot_card: PivModel) -> None:
    desk.began()
    now_ms = time.time_ns() // 1_000_000
    FileVault.create(desk.folder / "vault.json", VAULT, UTILITY, first_set("aes128", now_ms - 1, 3650, 365), cost=CHEAP)
    vault = ("--vault", str(desk.folder / "vault.json"), "--vault-secret", desk.secrets["v"])
    out = desk.folder / "stick"
    said = desk.says("store", "make", KIOSK, "--card", READERS[1], *vault, *desk.decision, "--out", str(out))
    assert said.strip() == str(out / "downlink" / KIOSK / "store-1-1")
    assert (out / "downlink" / KIOSK / "store-1-1").read_bytes().startswith(b'{"boxed":"X25519","to":"K07"')
    with sqlite3.connect(desk.office / "registry.db") as book:
        left = book.execute("SELECT what, kiosk, generations FROM left_vault ORDER BY id").fetchone()
    assert left == ("store", KIOSK, "1 2")
    assert boot_card.tries == 3
    assert boot_card.agreed == 0
    assert "no boot card" in desk.says("store", "make", KIOSK, "--card", READERS[0], *vault, *desk.decision, code=1)
    assert "Name the vault's file, or a token" in desk.says("store", "make", KIOSK, "--card", READERS[1], *desk.decision, code=2)


@pytest.mark.deep("a whole office's keys made anew for one more way to a store")
@pytest.mark.pcsc
@pytest.mark.hsm
def test_a_store_is_made_from_a_security_module_too(desk: Desk, boot_card: PivModel, tokens: Tokens) -> None:
    """Its masters leave the module wrapped, and are those that the store's own check values name: the card opens it."""
    desk.began()
    label, pin = tokens.take(), desk.file("token-pin", f"{TOKEN_PIN}\n")
    Path(pin).chmod(0o600)
    place = ("--token", label, "--module", str(MODULE))
    made = [sys.executable, "-m", "kiosk", "vault", "init", *place, "--secret-file", pin, "--utility", str(UTILITY)]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    out = desk.folder / "stick"
    desk.says("store", "make", KIOSK, "--card", READERS[1], *place, "--vault-secret", pin, *desk.decision, "--out", str(out))
    raw = (out / "downlink" / KIOSK / "store-1-1").read_bytes()
    keys = msgspec.json.decode((desk.office / "office.json").read_bytes())["keys"]
    me = Me(KIOSK, UTILITY, REGION, ())
    item = read(raw, "store", me, desk.station, tuple(bytes.fromhex(key) for key in keys["decision"]))
    delivered = msgspec.json.decode(item.body, type=store.Delivered)
    said = msgspec.json.decode(delivered.file.statement, type=store.Statement)
    store.install(desk.folder / "keys", delivered, said.store)
    expected = store.Expected(KIOSK, UTILITY, REGION, tuple(bytes.fromhex(key) for key in keys["decision"]), (1, 1), said.not_before_ms)
    _, masters = opened(desk.folder / "keys", expected, boot_card)
    assert {"1/auth/0", "1/tag/0", "1/kiosk/1", "1/kiosk/2"} <= set(masters.by_name)
