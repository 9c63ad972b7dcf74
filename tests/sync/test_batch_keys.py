"""The keys that batches are boxed to: made, changed, kept, and never quoted."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from kiosk import envelope
from kiosk.cli import app
from kiosk.hq import batch_keys
from kiosk.hq.office import Office, OfficeError
from kiosk.sync.batch import HQ, LABEL
from kiosk.sync.item import KeyList, Me, read
from tests.sync.kit import KIOSK, STATION, UTILITY

FIRST, SECOND, DECISION = "the first of two people", "the second of two people", "whoever decides here"


def made(folder: Path) -> Office:
    return Office.create(folder / "office", UTILITY, (FIRST, SECOND), DECISION, now_ms=1, cost=1 << 10)


def listed(path: Path, office: Office) -> KeyList:
    """As a kiosk reads it."""
    me = Me(KIOSK, UTILITY, 1, tuple(bytes.fromhex(root) for root in office.record.roots))
    return msgspec.json.decode(read(path.read_bytes(), "keys", me, STATION, ()).body, type=KeyList)


def test_a_new_office_has_a_key_for_batches_in_its_first_list(tmp_path: Path) -> None:
    office = made(tmp_path)
    (box,) = office.batch_boxes()
    assert listed(office.folder / "downlink" / "all" / "keys-1-1", office).batch == (box.box_key.hex(),)


def test_a_changed_key_comes_first_and_what_was_boxed_to_the_old_one_still_opens(tmp_path: Path) -> None:
    office = made(tmp_path)
    (old,) = office.batch_boxes()
    raw = envelope.boxed(b"under way for months", LABEL, HQ, old.box_key)
    for _ in range(batch_keys.LISTED + 1):
        path = office.rotate_batch_key(office.signer("root-1", (FIRST, SECOND)), now_ms=2)
    boxes = Office(office.folder).batch_boxes()
    assert len(boxes) == batch_keys.LISTED + 2
    assert listed(path, office).batch == tuple(box.box_key.hex() for box in boxes[: batch_keys.LISTED])
    assert boxes[-1] == old
    assert envelope.unboxed(raw, LABEL, HQ, boxes[-1], 100) == b"under way for months"


def test_the_command_wants_both_people_and_keeps_what_is_revoked(tmp_path: Path) -> None:
    office = made(tmp_path)
    first, second, wrong = (tmp_path / name for name in ("first", "second", "wrong"))
    for path, secret in ((first, FIRST), (second, SECOND), (wrong, "somebody else than them")):
        path.write_text(secret + "\n")
        path.chmod(0o600)
    run = CliRunner().invoke
    folder = str(office.folder)
    revoked = run(
        app,
        [
            "hq",
            "publish",
            "keys",
            "--revoke-kiosk",
            "K09",
            "--office",
            folder,
            "--first-secret",
            str(first),
            "--second-secret",
            str(second),
        ],
    )
    assert revoked.exit_code == 0, revoked.output
    refused = run(app, ["hq", "rotate-batch-key", "--office", folder, "--first-secret", str(first), "--second-secret", str(wrong)])
    assert (refused.exit_code, len(Office(office.folder).batch_boxes())) == (1, 1)
    done = run(app, ["hq", "rotate-batch-key", "--office", folder, "--first-secret", str(first), "--second-secret", str(second)])
    assert done.exit_code == 0, done.output
    said = listed(Path(done.stdout.strip()), office)
    assert (len(said.batch), said.revoked_kiosks) == (2, ("K09",))
    again = run(
        app, ["hq", "publish", "keys", "--dead", "3", "--office", folder, "--first-secret", str(first), "--second-secret", str(second)]
    )
    assert listed(Path(again.stdout.strip()), office).batch == said.batch


@pytest.mark.parametrize("harm", ["damaged", "readable", "link"])
def test_a_key_that_cannot_be_used_is_said_and_never_quoted(tmp_path: Path, harm: str) -> None:
    office = made(tmp_path)
    path = office.folder / "keys" / "batch-1.json"
    secret = office.batch_boxes()[0].private.hex()
    if harm == "damaged":
        path.write_bytes(path.read_bytes()[:-9])
    elif harm == "readable":
        path.chmod(0o644)
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OfficeError, match="batch-1") as refused:
        office.batch_boxes()
    assert secret[:16] not in str(refused.value)
    assert refused.value.__cause__ is None
    assert "hidden" in repr(batch_keys.KeyBox(bytes(32)))
