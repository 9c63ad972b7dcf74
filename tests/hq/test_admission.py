"""Who gets a connection at the head office's listeners: counted, shared out, and logged once a minute."""

import asyncio
import errno
import logging
import os
import resource
import socket
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kiosk.hq import admission
from kiosk.hq.admission import FILES, GRACE_S, Crowd, Limits, Listener, Refusals, address_of, files, listening


@dataclass
class Peer:
    """Implements `admission.Held`."""

    address: str
    since_s: float = 0.0
    asked: bool = False
    name: str = ""
    ended: bool = False

    def hang_up(self) -> None:
        self.ended = True


@dataclass
class Room:
    """A crowd, its clock, and what it told."""

    limits: Limits
    now_s: float = 0.0
    told: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.crowd = Crowd(self.limits, lambda kind, _address: self.told.update([kind]), lambda: self.now_s)

    def enters(self, address: str) -> Peer | None:
        peer = Peer(address, self.now_s)
        return peer if self.crowd.enter(peer) else None

    def fill(self, address: str, count: int) -> list[Peer]:
        peers = [self.enters(address) for _ in range(count)]
        return [peer for peer in peers if peer]


def test_an_address_that_is_full_is_refused_and_no_other_is() -> None:
    room = Room(Limits(per_address=3, anonymous=10))
    assert len(room.fill("a", 5)) == 3
    assert room.enters("b")
    assert room.told == {"connections refused": 2}


def test_behind_one_address_an_old_connection_that_asked_nothing_makes_room_first() -> None:
    room = Room(Limits(per_address=3, anonymous=10))
    asked, idle, other = room.fill("a", 3)
    asked.asked = True
    room.now_s = GRACE_S
    assert room.enters("a")
    assert (asked.ended, idle.ended, other.ended) == (False, True, False)
    assert room.enters("a")
    assert (asked.ended, other.ended) == (False, True)
    assert room.enters("a")
    assert asked.ended
    assert room.enters("a") is None, "the three that are left are young"
    assert room.told == {"connections ended to make room": 3, "connections refused": 1}


def test_where_all_is_full_the_address_that_holds_the_most_makes_room_at_once() -> None:
    room = Room(Limits(per_address=8, anonymous=10))
    many, one = room.fill("a", 8), room.fill("b", 2)
    assert room.enters("c")
    assert [peer.ended for peer in many].count(True) == 1
    assert room.enters("c")
    assert not any(peer.ended for peer in one)
    room.fill("c", 5)
    assert Counter(peer.ended for peer in many)[False] >= 4, "no address takes more than its share from another"
    assert not any(peer.ended for peer in one)


def test_a_thousand_addresses_with_one_connection_each_hold_their_places_for_a_few_seconds_only() -> None:
    room = Room(Limits(per_address=8, anonymous=10))
    for number in range(1000):
        room.enters(str(number))
    assert room.enters("honest") is None
    room.now_s = GRACE_S
    assert room.enters("honest")


def test_whoever_is_known_takes_no_anonymous_place_up_to_so_many_of_a_name_and_of_all() -> None:
    room = Room(Limits(per_address=2, anonymous=4, per_name=2, named=3))
    known = []
    for name in ("bank", "bank", "bank", "app", "till"):
        peer = room.enters("a")
        assert peer
        room.crowd.know(peer, name)
        known.append(peer)
        if not peer.name:
            room.crowd.leave(peer)
    assert [peer.name for peer in known] == ["bank", "bank", "", "app", ""]
    assert len(room.fill("a", 9)) == 2
    room.crowd.leave(known[0])
    room.crowd.leave(known[0])
    peer = room.enters("b")
    assert peer
    room.crowd.know(peer, "till")
    room.crowd.know(peer, "bank")
    assert peer.name == "till", "a connection has one name, which it keeps"


def test_whoever_was_ended_or_has_left_is_not_counted_and_not_known() -> None:
    room = Room(Limits(per_address=2, anonymous=4))
    first, second = room.fill("a", 2)
    for _ in range(2):
        room.crowd.leave(first)
    room.crowd.know(first, "bank")
    assert first.name == ""
    assert len(room.fill("a", 3)) == 1
    assert not second.ended


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.9", "10.0.0.9"),
        ("::ffff:10.0.0.9", "10.0.0.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_one_subscriber_is_one_address(host: str, address: str) -> None:
    assert address_of(host) == address


def test_refusals_are_one_line_at_once_and_one_a_minute(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(admission, "LOG_S", 0.2)
    monkeypatch.setattr(admission, "ADDRESSES_MAX", 5)

    async def refused() -> None:
        refusals = Refusals("0.0.0.0:8443")
        for number in range(10_000):
            refusals.add("connections refused", "10.0.0.9" if number % 3 else f"10.1.{number % 256}.1")
        refusals.add("handshakes that did not end", "10.0.0.9")
        await asyncio.sleep(0.5)
        assert len(caplog.messages) == 2
        refusals.add("connections refused", "10.0.0.8")

    with caplog.at_level(logging.WARNING):
        asyncio.run(refused())
    first, others, later = caplog.messages
    assert first == "0.0.0.0:8443: 1 connections refused. Most came from 10.1.0.1: 1."
    assert others == "0.0.0.0:8443: 9999 connections refused, 1 handshakes that did not end. Most came from 10.0.0.9: 6667."
    assert later.endswith("10.0.0.8: 1.")


# ---------------------------------------------------------------- open files


def test_a_listener_may_open_as_many_files_as_it_needs_or_says_which_limit_is_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (1024, 524_288)}
    monkeypatch.setattr(resource, "getrlimit", lambda _what: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _what, now: limits.update(now=now))
    files()
    assert limits["now"] == (FILES, 524_288)
    limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    files()
    assert limits["now"] == (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    limits["now"] = (512, 1024)
    with pytest.raises(OSError, match=f"may open 1024 files and needs .*LimitNOFILE={FILES}"):
        listening("127.0.0.1", 0)


def test_where_no_file_can_be_opened_whoever_waits_is_refused_and_the_listener_lives(caplog: pytest.LogCaptureFixture) -> None:
    async def crowded(listener: Listener) -> None:
        listener.settimeout(0)
        there = listener.getsockname()
        waiting = [socket.create_connection(there, 10) for _ in range(3)]
        last = socket.create_connection(there, 10)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))  # from here on no file has a number that is allowed
        try:
            for _ in waiting:
                with pytest.raises(BlockingIOError):
                    listener.accept()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert [line.recv(1) for line in waiting] == [b""] * 3
        accepted, _ = listener.accept()
        accepted.sendall(b"x")
        assert last.recv(1) == b"x"
        for each in (*waiting, last, accepted):
            each.close()

    with caplog.at_level(logging.WARNING), listening("127.0.0.1", 0) as listener:
        asyncio.run(crowded(listener))
    assert len(caplog.messages) == 1
    assert "no file can be opened" in caplog.messages[0]


def test_a_port_that_is_taken_leaves_no_file_open() -> None:
    with listening("127.0.0.1", 0) as listener:
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(OSError, match="in use") as refused:
            listening("127.0.0.1", listener.getsockname()[1])
        assert refused.value.errno == errno.EADDRINUSE
        assert len(list(Path("/proc/self/fd").iterdir())) == before
