"""Bags in which much lies: what is new is found wherever it lies, and the office takes away what no kiosk looks at any more."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from kiosk.hq.downlink import publish
from kiosk.hq.intake.known import known
from kiosk.hq.office import SENT, Enrolled
from kiosk.sync import delta
from kiosk.sync import sftp as way
from kiosk.sync.bag import KEPT_A_KIND
from kiosk.sync.item import EVERYBODY
from kiosk.sync.sftp import sftp
from kiosk.sync.spool import KEPT_A_KIND as LISTED_A_KIND
from kiosk.sync.spool import Spool
from kiosk.sync.stick import bring
from tests.keys.kit import KIOSK, REGION, UTILITY
from tests.sync.mail import Mail, cards
from tests.sync.wires import SshKeys, sftp_served, ssh_keys

OLD = 5_000


@pytest.fixture
def mail(tmp_path: Path) -> Mail:
    return Mail(tmp_path)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SshKeys:
    return ssh_keys(tmp_path_factory.mktemp("ssh"))


def a_name(name: str, size: int = 3) -> asyncssh.SFTPName:
    return asyncssh.SFTPName(name.encode(), attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=size))


class Crowded(asyncssh.SFTPServer):
    """Thousands of old letters and foreign names, told before the new ones."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:  # noqa: ARG002
        for number in range(1, OLD + 1):
            yield a_name(f"texts-1-{number}")
        for number in range(100):
            yield a_name(f"{'abcdefghij'[number // 10]}{'abcdefghij'[number % 10]}-1-1")  # kinds that nobody knows
        for number in range(1, OLD + 1):
            yield a_name(f".{number}.part")
        yield a_name("keys-1-2")
        yield a_name("texts-2-1")


class Endless(asyncssh.SFTPServer):
    """What counts comes first, and then no end."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:  # noqa: ARG002
        yield a_name("keys-1-2")
        number = 0
        while True:
            number += 1
            yield a_name(f"limits-1-{number}")
            await asyncio.sleep(0)


async def offered(root: Path, keys: SshKeys, handler: type[asyncssh.SFTPServer]) -> list[str]:
    """The names in the folder of everybody."""
    with sftp_served(root, keys, handler) as plan:
        async with sftp(plan, KIOSK) as carrier:
            return [letter.name for letter in await carrier.offered() if letter.place == "all"]


@pytest.mark.covers("field-115")
async def test_a_new_letter_behind_thousands_of_old_ones_is_listed_at_once(tmp_path: Path, keys: SshKeys) -> None:
    listed = await offered(tmp_path, keys, Crowded)
    assert {"keys-1-2", "texts-2-1", f"texts-1-{OLD}"} <= set(listed)
    assert sum(name.startswith("texts-") for name in listed) == LISTED_A_KIND
    assert len(listed) <= LISTED_A_KIND + way.KINDS_MAX + 1


@pytest.mark.parametrize(("name", "value"), [("NAMES_MAX", 2_000), ("LISTING_S", 0.2)])
async def test_of_a_list_that_never_ends_what_was_told_is_taken(
    tmp_path: Path, keys: SshKeys, monkeypatch: pytest.MonkeyPatch, name: str, value: float
) -> None:
    monkeypatch.setattr(way, name, value)
    assert "keys-1-2" in await offered(tmp_path, keys, Endless)


@pytest.mark.covers("field-116")
def test_what_no_kiosk_looks_at_is_put_aside_and_the_newest_stay(mail: Mail) -> None:
    for _ in range(KEPT_A_KIND + 6):
        mail.hq.send_limits(sale_max_minor=1_00)
    mail.send("texts", {"texts": {"phone": {"*": "0800"}}})
    lying = {path.name for path in (mail.hq.bag / "downlink/all").iterdir()}
    assert {name for name in lying if name.startswith("limits-")} == {f"limits-1-{number}" for number in range(7, KEPT_A_KIND + 7)}
    assert {"keys-1-1", "texts-1-1"} <= lying
    assert {path.name for path in (mail.hq.bag / SENT / "all").iterdir()} == {f"limits-1-{number}" for number in range(1, 7)}
    assert any(line.startswith(f"limits-1-{KEPT_A_KIND + 6}: installed.") for line in mail.take_in())


def test_a_change_always_finds_the_list_that_it_changes(mail: Mail) -> None:
    mail.hq.send_hotlist(*cards(1, 2, 3))
    for number in range(KEPT_A_KIND + 6):
        mail.send("delta", publish.changed(mail.hq.office, EVERYBODY, cards(1, 2, 100 + number)))
    said = [line.split(":")[0] for line in mail.take_in() if ": installed." in line]
    assert said == ["hotlist-1-1", f"delta-1-{KEPT_A_KIND + 7}"]


def test_whoever_was_blocked_long_ago_is_known_to_be(mail: Mail) -> None:
    """The office judges old sales by old lists: they are put aside, not away."""
    for number in range(KEPT_A_KIND + 6):
        mail.send("hotlist", delta.listed(cards(7, 100 + number)))
    (seven,) = cards(7)
    assert known(mail.hq.office).hotlist[seven.hex()] == (1, 1)


def test_whoever_comes_to_stand_at_a_place_hears_the_newest_that_was_sent_there(mail: Mail) -> None:
    office, place = mail.hq.office, f"u{UTILITY}/r{REGION}"
    for number in range(KEPT_A_KIND + 6):
        mail.send("texts", {"texts": {"phone": {"*": f"{number:04}"}}}, to=place)
    mail.send("texts", {"texts": {"phone": {"*": "0800"}}}, to=f"u{UTILITY}")
    assert len(list((office.folder / "places").iterdir())) == KEPT_A_KIND + 1
    office.enrol("K99", Enrolled("11" * 32, "22" * 32, REGION))
    names = {path.name for path in (office.folder / "downlink/K99").iterdir()}
    assert {f"texts-1-{KEPT_A_KIND + 6}", f"texts-1-{KEPT_A_KIND + 7}"} <= names


def test_a_stick_with_more_than_ten_thousand_names_hides_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "stick/downlink/all"
    folder.mkdir(parents=True)
    for number in range(10_500):
        (folder / f"junk{number}").touch()
    (folder / "keys-1-2").write_bytes(b"abc")
    done = bring(Spool(tmp_path / "spool", KIOSK).made(), tmp_path / "stick")
    assert "keys-1-2: here." in done.says
