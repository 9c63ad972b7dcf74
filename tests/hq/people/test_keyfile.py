"""Keys in their files, wrong passphrases, and the login that the kernel tells."""

import os
import pwd
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiosk.hq.intake import worklist
from kiosk.hq.people import login
from kiosk.hq.people.keyfile import forget_key, new_key, unlocked
from kiosk.hq.people.staff import Acting, Staff, StaffError, granted
from kiosk.hq.people.tries import SHUT_MS, TRIES, tried
from kiosk.hq.store import Store
from tests.hq.people.kit import Crew

CHEAP, NOW_MS, GOOD = 1 << 10, 1_790_000_000_000, "a passphrase of anna's"


class Counter:
    """A store and a folder with anna's key."""

    def __init__(self, where: str, folder: Path) -> None:
        self.where, self.folder = where, folder
        self.crew = Crew(Store.make(where, 1, now_ms=1))
        self.key = new_key(folder, "anna", GOOD, cost=CHEAP)
        self.crew.people.put(self.crew.root, Staff("anna", "anna", self.key, granted("anna", ["settle"], 1), 1))

    def opens(self, passphrase: str = GOOD, *, login: str = "anna", at_ms: int = NOW_MS) -> Acting:
        """In a process of its own, so to say: nothing is remembered but in the store."""
        store = Store.open(self.where)
        try:
            return unlocked(self.crew.people, store, self.folder, login=login, passphrase=passphrase, now_ms=at_ms)
        finally:
            store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def counter(request: pytest.FixtureRequest, tmp_path: Path) -> Counter:
    return Counter(str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database"), tmp_path)


def test_a_key_opens_with_its_passphrase_under_its_login(counter: Counter) -> None:
    who = counter.opens()
    assert (who.id, who.login) == ("anna", "anna")
    counter.crew.people.signed(who, "settle.move", "deed", b"line")
    with pytest.raises(StaffError, match="The login ben is nobody's"):
        counter.opens(login="ben")
    assert GOOD not in (counter.folder / "people" / "anna.json").read_text()


@pytest.mark.covers("field-167")
def test_five_wrong_passphrases_shut_a_key_for_ten_minutes_whatever_is_restarted(counter: Counter) -> None:
    for left in range(TRIES - 1, 0, -1):
        with pytest.raises(StaffError, match=f"{left} more tries" if left > 1 else "one more try"):
            counter.opens("wrong passphrase")
    assert worklist.waiting(Store.open(counter.where)) == []
    with pytest.raises(StaffError, match="none for 10 minutes"):
        counter.opens("wrong passphrase")
    for later in (0, SHUT_MS - 1, -3_600_000):  # also when the clock goes back
        with pytest.raises(StaffError, match="Too many wrong passphrases for anna: try again in"):
            counter.opens(at_ms=NOW_MS + later)
    (line,) = worklist.waiting(Store.open(counter.where))
    assert (line.what, "anna" in line.sentence) == ("passphrase", True)
    assert counter.opens(at_ms=NOW_MS + SHUT_MS).id == "anna"
    with pytest.raises(StaffError, match="4 more tries"):
        counter.opens("wrong passphrase", at_ms=NOW_MS + SHUT_MS + 1)


def test_each_time_that_it_is_shut_is_told(counter: Counter) -> None:
    for at_ms in (NOW_MS, NOW_MS + SHUT_MS):
        for _ in range(TRIES):
            with pytest.raises(StaffError, match="does not open"):
                counter.opens("wrong passphrase", at_ms=at_ms)
    assert len(worklist.waiting(Store.open(counter.where))) == 2


def test_whoever_ends_the_program_before_it_says_no_has_tried_all_the_same(counter: Counter) -> None:
    store = Store.open(counter.where)
    for _ in range(TRIES):
        with pytest.raises(KeyboardInterrupt):
            tried(store, "anna", NOW_MS, interrupted)
    with pytest.raises(StaffError, match="Too many wrong passphrases"):
        counter.opens()


def interrupted() -> None:
    raise KeyboardInterrupt


def test_many_at_once_have_no_more_tries_than_one(counter: Counter) -> None:
    def guess(_: int) -> str:
        try:
            counter.opens("wrong passphrase")
        except StaffError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(6) as thieves:
        said = list(thieves.map(guess, range(12)))
    assert sum("does not open" in each for each in said) == TRIES
    assert sum("Too many" in each for each in said) == 12 - TRIES


def test_a_key_that_is_copied_damaged_open_to_others_or_gone_is_refused_in_a_sentence(counter: Counter) -> None:
    mine = counter.folder / "people" / "anna.json"
    whole = mine.read_bytes()
    new_key(counter.folder, "ben", GOOD, cost=CHEAP)
    mine.write_bytes((counter.folder / "people" / "ben.json").read_bytes())
    with pytest.raises(StaffError, match="not the one that the root signed for anna"):
        counter.opens()
    for raw in (b"{}", b"\xff", b"", whole[:-2]):
        mine.write_bytes(raw)
        with pytest.raises(StaffError, match=r"people/anna.json cannot be read"):
            counter.opens()
    mine.write_bytes(whole)
    mine.chmod(0o644)
    with pytest.raises(StaffError, match="can be read by others"):
        counter.opens()
    mine.chmod(0o600)
    assert counter.opens().id == "anna"
    forget_key(counter.folder, "anna")
    with pytest.raises(StaffError, match="kiosk hq staff key anna"):
        counter.opens()


def test_a_key_is_not_made_over_another_one_by_mistake(tmp_path: Path) -> None:
    first = new_key(tmp_path, "anna", GOOD, cost=CHEAP)
    with pytest.raises(StaffError, match="--again"):
        new_key(tmp_path, "anna", GOOD, cost=CHEAP)
    assert new_key(tmp_path, "anna", GOOD, again=True, cost=CHEAP) != first
    with pytest.raises(StaffError, match="12 to 1024 characters"):
        new_key(tmp_path, "ben", "short", cost=CHEAP)
    for bad in ("../../etc/cron.d/x", "", "a/b", ".hidden", "x" * 65, "a\n"):
        with pytest.raises(StaffError, match="is named by"):
            new_key(tmp_path, bad, GOOD, cost=CHEAP)


# ---------------------------------------------------------------- the kernel's word


def asked(**how: object) -> str:
    """What another process of ours is told."""
    environment = {**os.environ, "LOGNAME": "mallory", "USER": "mallory", "SUDO_USER": "mallory"}
    program = "from kiosk.hq.people import login; print(login.login())"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, **how)  # type: ignore[call-overload]
    return str(done.stdout.strip())


def test_the_kernel_says_whose_program_it_is_and_no_variable() -> None:
    number = int(login.LOGINUID.read_text()) if login.LOGINUID.exists() else login.UNSET
    assert asked() == pwd.getpwuid(os.getuid() if number == login.UNSET else number).pw_name


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's program is started by root alone")
def test_a_program_with_anothers_rights_is_still_its_callers() -> None:
    """As a wrapper makes it: root's rights, and the real user is who called."""
    if login.LOGINUID.exists() and int(login.LOGINUID.read_text()) != login.UNSET:
        pytest.skip("the session has a login here, which goes before the user")
    nobody = pwd.getpwnam("nobody").pw_uid
    assert asked(preexec_fn=lambda: os.setresuid(nobody, 0, 0)) == "nobody"


def test_the_login_of_the_session_goes_before_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `sudo -u office` leaves as it is."""
    said = tmp_path / "loginuid"
    monkeypatch.setattr(login, "LOGINUID", said)
    said.write_text(str(pwd.getpwnam("nobody").pw_uid))
    assert login.login() == "nobody"
    said.write_text("70001")  # nobody's of this machine
    assert login.login() == "70001"
    for without in (str(login.UNSET), "", "x"):
        said.write_text(without)
        assert login.login() == pwd.getpwuid(os.getuid()).pw_name
