"""What the head office sends is believed for its signature alone; kind, kiosk, number, time, size are checked; there is no way back."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import envelope
from kiosk.devices.vault.station import FileStation
from kiosk.hq.office import Office, OfficeError
from kiosk.sync.bodies import LimitsBody
from kiosk.sync.install import NOWHERE, Cupboard
from kiosk.sync.item import EVERYBODY, WAYS, Header, ItemRefused, Kind, made, read
from kiosk.vend.trust import FloatGranted, HotlistInstalled, KeyListInstalled, LimitsInstalled, RosterInstalled, Trust, fold
from tests.keys.kit import DECISION, FIRST, KIOSK, SECOND, HeadOffice, station_of
from tests.keys.mutations import mutations
from tests.seeds import Seeds

DAY_MS = 86_400_000
LIMITS = msgspec.json.encode(LimitsBody({"sale_max_minor": 500_00}))


class Post:
    """A head office, a kiosk that it knows, and the bag between them."""

    def __init__(self, folder: Path) -> None:
        self.hq = HeadOffice(folder)
        self.station: FileStation = station_of(folder / "kiosk")
        self.hq.know(self.station)
        self.folder = folder / "keys"
        self.cupboard = Cupboard(self.folder, self.hq.me(), self.station)
        self.trust = Trust()

    def take_in(self, now_ms: int | None = None) -> list[str]:
        said = []
        for outcome in self.cupboard.install(self.hq.bag, self.trust, now_ms or self.hq.now_ms):
            if outcome.fact:
                self.trust = fold(self.trust, outcome.fact, NOWHERE)
            said.append(outcome.sentence)
        return said

    def put(self, name: str, raw: bytes, place: str = "all") -> Path:
        path = self.hq.bag / "downlink" / place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        return path


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


def test_each_item_is_installed_once_and_told_in_one_line(post: Post) -> None:
    post.hq.send_limits(restart="trade", restart_ms=7_200_000, sale_max_minor=400_00)
    post.hq.send_hotlist(bytes(8), b"\xff" * 8)
    post.hq.office.publish("roster", KIOSK, b"{}", post.hq.decision, days=30, now_ms=post.hq.now_ms)
    post.hq.send_float(50_000_00)
    post.hq.send_float(10_000_00)
    said = post.take_in()
    assert [line.split(":")[0] for line in said] == ["keys-1-1", "limits-1-1", "hotlist-1-1", "roster-1-1", "float-1-1", "float-1-2"]
    assert all(": installed." in line for line in said)
    assert post.trust.limits == LimitsInstalled(1, 1, {"sale_max_minor": 400_00}, "trade", 7_200_000)
    assert post.trust.hotlist
    assert post.trust.hotlist.cards == 2
    assert post.trust.granted_minor == 60_000_00
    assert [grant.number for grant in post.trust.grants] == [1, 2]
    assert all("there is no way back" in line for line in post.take_in())
    assert {type(fact) for fact, _ in post.cupboard.standing()} == {
        KeyListInstalled, LimitsInstalled, HotlistInstalled, RosterInstalled, FloatGranted,
    }  # fmt: skip


@pytest.mark.covers("abuse-39")
def test_an_older_list_never_takes_the_place_of_a_newer_one(post: Post) -> None:
    post.hq.send_limits(sale_max_minor=100_00)
    old = (post.hq.bag / "downlink/all/limits-1-1").read_bytes()
    post.hq.send_limits(sale_max_minor=200_00)
    assert [line.split(":")[0] for line in post.take_in()] == ["keys-1-1", "limits-1-2"], "of a kind the newest"
    (post.hq.bag / "downlink/all/limits-1-2").unlink()
    post.put("limits-9-9", old)
    assert any("limits-9-9: not installed. It is 1.1, and 1.2 is here already" in line for line in post.take_in())
    assert post.trust.limits
    assert post.trust.limits.values == {"sale_max_minor": 200_00}


@pytest.mark.covers("abuse-41")
def test_what_is_not_for_us_or_not_from_the_head_office_stays_outside(post: Post, tmp_path: Path) -> None:
    post.take_in()
    other = HeadOffice(tmp_path / "other")
    header = Header("limits", EVERYBODY, 1, 1, 7, post.hq.now_ms, post.hq.now_ms, post.hq.now_ms + DAY_MS)
    change = msgspec.structs.replace
    box = post.station.box_key
    clear: dict[str, bytes] = {
        "another office": made(header, LIMITS, other.decision),
        "the ack key": made(header, LIMITS, post.hq.office.signer("ack")),
        "another utility": made(change(header, utility=2), LIMITS, post.hq.decision),
        "another kind": made(change(header, kind="hotlist"), LIMITS, post.hq.decision),
        "another epoch": made(change(header, epoch=2), LIMITS, post.hq.decision),
        "too late": made(change(header, not_after_ms=post.hq.now_ms), LIMITS, post.hq.decision),
        "too early": made(change(header, not_before_ms=post.hq.now_ms + 1), LIMITS, post.hq.decision),
        "one kiosk's": made(change(header, to=KIOSK), LIMITS, post.hq.decision),
        "boxed": envelope.boxed(made(header, LIMITS, post.hq.decision), "down", KIOSK, box),
        "no limits": made(header, b"[]", post.hq.decision),
        "deep": made(header, b"[" * 60_000, post.hq.decision),
        "another label": envelope.sealed(
            post.hq.decision, "ack", msgspec.json.encode(change(header, body=envelope.body_of(LIMITS))), LIMITS
        ),
        "large": b"x" * (1 << 20),
        "empty": b"",
        "not text": bytes(range(256)),
    }
    for name, raw in clear.items():
        post.put("limits-1-7", raw)
        said = [line for line in post.take_in() if line.startswith("limits")]
        assert len(said) == 1, name
        assert ": not installed. " in said[0], name
        assert said[0].count("\n") == 0, name
    assert post.trust.limits is None


@pytest.mark.covers("abuse-41")
def test_links_folders_pipes_and_foreign_names_are_left_alone(post: Post, tmp_path: Path) -> None:
    post.take_in()
    post.hq.send_limits()
    good = post.hq.bag / "downlink/all/limits-1-1"
    good.rename(tmp_path / "good")
    (post.hq.bag / "downlink/all/limits-1-2").symlink_to(tmp_path / "good")
    (post.hq.bag / "downlink/all/limits-1-3").mkdir()
    os.mkfifo(post.hq.bag / "downlink/all/limits-1-4")
    for name in ("limits-1-1.bak", "limits-1", "..", "LIMITS-1-1", "limits-01-1", "limits-1-99999999999", "float-0-1"):
        if name != "..":
            post.put(name, (tmp_path / "good").read_bytes())
    said = [line for line in post.take_in() if line.startswith("limits")]
    assert [line.split(":")[0] for line in said] == ["limits-1-4", "limits-1-3", "limits-1-2"]
    assert all("not installed" in line for line in said)
    assert post.trust.limits is None


def test_a_box_for_another_kiosk_does_not_open_here(post: Post, tmp_path: Path) -> None:
    post.take_in()
    post.hq.know(station_of(tmp_path / "k08"), "K08")
    post.hq.send_float(100_00, "K08")
    raw = (post.hq.bag / "downlink/K08/float-1-1").read_bytes()
    post.put("float-1-1", raw, KIOSK)
    assert any("It is a box for K08" in line for line in post.take_in())
    post.put("float-1-1", raw.replace(b'"K08"', b'"K07"'), KIOSK)
    assert not any("float-1-1: installed" in line for line in post.take_in())


def test_only_the_root_opens_an_epoch_and_the_second_root_will_do(post: Post) -> None:
    post.take_in()
    second = post.hq.office.signer("root-2", [FIRST, SECOND])
    post.hq.office._write(epoch=2, numbers={})
    post.hq.send_limits()
    assert any("limits-2-1: not installed. It is of epoch 2, and the root's list of keys is of epoch 1" in line for line in post.take_in())
    post.hq.office.publish_keys(second, now_ms=post.hq.now_ms)
    assert [line.split(":")[0] for line in post.take_in() if ": installed." in line] == ["keys-2-1", "limits-2-1"]


def test_without_a_list_of_keys_nobody_is_believed_and_a_list_by_decision_is_none(post: Post) -> None:
    path = post.hq.bag / "downlink/all/keys-1-1"
    listed = path.read_bytes()
    path.unlink()
    post.hq.send_limits()
    assert all("not installed" in line for line in post.take_in())
    body = listed.split(b"\n", 2)[2]
    header = Header("keys", EVERYBODY, 1, 1, 1, post.hq.now_ms, post.hq.now_ms, post.hq.now_ms + DAY_MS)
    post.put("keys-1-1", made(header, body, post.hq.decision))
    assert all("not installed" in line for line in post.take_in())
    assert post.cupboard.signers() == ()


def test_what_lies_on_the_disk_is_checked_again_at_every_start(post: Post) -> None:
    post.hq.send_limits(sale_max_minor=100_00)
    post.take_in()
    path = post.folder / "installed/limits"
    path.write_bytes(path.read_bytes().replace(b"10000", b"99999"))
    assert not [fact for fact, _ in post.cupboard.standing() if isinstance(fact, LimitsInstalled)]
    assert path.stat().st_mode & 0o077 == 0


def test_a_float_of_another_number_or_kiosk_than_its_envelope_is_refused(post: Post) -> None:
    post.take_in()
    post.hq.send_float(100_00)
    boxed = (post.hq.bag / "downlink/K07/float-1-1").read_bytes()
    item = read(boxed, "float", post.hq.me(), post.station, post.cupboard.signers())
    header = Header("float", KIOSK, 1, 1, 5, post.hq.now_ms, post.hq.now_ms, post.hq.now_ms + DAY_MS)
    again = envelope.boxed(made(header, item.body, post.hq.decision), "down", KIOSK, post.station.box_key)
    post.put("float-1-5", again, KIOSK)
    assert any("float-1-5: not installed. It is the float of another kiosk or number." in line for line in post.take_in())
    assert post.trust.granted_minor == 100_00


# ---------------------------------------------------------------- anything at all


def _item(post: Post, kind: Kind) -> bytes:
    way = WAYS[kind]
    to = KIOSK if way.boxed else EVERYBODY
    return post.hq.office.publish(kind, to, b"{}", post.hq.root if kind == "keys" else post.hq.decision, days=9, now_ms=0).read_bytes()


def _refused(work: Callable[[], object]) -> str:
    with pytest.raises(ItemRefused) as said:
        work()
    sentence = str(said.value)
    assert sentence
    assert "\n" not in sentence
    assert said.value.__cause__ is None
    return sentence


@pytest.mark.parametrize("kind", ["keys", "limits", "float", "store"])
def test_no_change_to_an_item_is_believed_and_each_is_one_sentence(post: Post, kind: Kind, seeds: Seeds) -> None:
    post.take_in()
    raw = _item(post, kind)
    signers = post.cupboard.signers()
    for changed in mutations(raw, 1500, seeds.base(f"changed item {kind}")):
        _refused(lambda changed=changed: read(changed, kind, post.hq.me(), post.station, signers))  # type: ignore[misc]


@given(raw=st.binary(max_size=600))
def test_no_bytes_at_all_are_an_envelope(raw: bytes) -> None:
    for given_raw in (raw, envelope.BOXED + raw, b'{"body":{"size":0,"sha256":"' + raw):
        with pytest.raises(envelope.EnvelopeRefused):
            envelope.opened(given_raw, "down", [bytes(32)], 1000)


def test_a_signature_by_one_label_is_none_by_another(post: Post) -> None:
    header = msgspec.json.encode({"body": envelope.body_of(b"x")})
    whole = envelope.sealed(post.hq.decision, "down", header, b"x")
    key = bytes.fromhex(post.hq.office.record.decision)
    assert envelope.opened(whole, "down", [key], 10) == envelope.Opened(header, b"x")
    for label in ("store", "keys", "ack", "batch", "down ", ""):
        with pytest.raises(envelope.EnvelopeRefused):
            envelope.opened(whole, label, [key], 10)
    with pytest.raises(envelope.EnvelopeRefused, match="at most 0"):
        envelope.opened(whole + b"y" * 9000, "down", [key], 0)


# ---------------------------------------------------------------- the office's keys


def test_the_root_wants_two_people_and_each_key_its_own_words(post: Post) -> None:
    for passphrases in ([FIRST], [SECOND, FIRST], [FIRST, FIRST], [], [FIRST, SECOND, DECISION]):
        with pytest.raises(OfficeError, match="does not open the key root-1"):
            post.hq.office.signer("root-1", passphrases)
    with pytest.raises(OfficeError, match="does not open the key decision"):
        post.hq.office.signer("decision", [FIRST])
    with pytest.raises(OfficeError, match="of two people"):
        Office.create(post.folder / "x", 1, (FIRST, FIRST), DECISION, now_ms=0)
    with pytest.raises(OfficeError, match="never made anew"):
        Office.create(post.hq.bag, 1, (FIRST, SECOND), DECISION, now_ms=0)


def test_a_kiosks_id_is_never_given_to_other_keys(post: Post, tmp_path: Path) -> None:
    with pytest.raises(OfficeError, match="a new store gets a new id"):
        post.hq.know(station_of(tmp_path / "again"))
