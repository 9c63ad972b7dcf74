"""`kiosk hq partner` as people type it; `serve` as a process: killed in the middle of orders, it loses none and makes none twice."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kiosk.hq.store import Store
from tests.codes.test_commands import Office
from tests.hq.partner_kit import Switch, financial, private
from tests.keys.kit import UTILITY
from tests.sale.shop import Card


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


LIMITS = ("--order-max", "500.00", "--day-max", "400000.00", "--credit", "400000.00")


def added(office: Office, name: str, *words: str) -> str:
    return office.says("partner", "add", name, *LIMITS, *words).strip().splitlines()[-1]


def test_a_partner_is_made_known_limited_paid_in_rotated_and_closed(office: Office) -> None:
    token = added(office, "shop", "--acquirer", "4711")
    assert token.startswith("shop.")
    office.says("partner", "add", "shop", code=1)
    office.says("partner", "limit", "shop", "--day-max", "1000.00", "--credit", "0")
    office.says("partner", "limit", "shop", code=2)
    assert "250.00 CNY" in office.says("partner", "pay-in", "shop", "250.00", "--payment", "transfer 1")
    assert "250.00 CNY" in office.says("partner", "pay-in", "shop", "250.00", "--payment", "transfer 1")
    office.says("partner", "pay-in", "shop", "1.00", "--payment", "transfer 1", code=1)
    office.says("partner", "pay-in", "shop", "x", "--payment", "transfer 2", code=2)
    assert office.says("partner", "rotate", "shop", "--hours", "0").strip() != token
    office.says("partner", "close", "shop")
    (found,) = [each for each in json.loads(office.says("partner", "list", "--json")) if each["partner"]["name"] == "shop"]
    assert (found["partner"]["state"], found["partner"]["day_max_minor"], found["account"]["balance_minor"]) == ("closed", 1000_00, 250_00)
    assert "shop" in office.says("partner", "list")
    office.says("partner", "close", "shop", "--open")
    for words in (("limit", "ghost", "--credit", "1"), ("rotate", "ghost"), ("close", "ghost"), ("pay-in", "ghost", "1", "--payment", "p")):
        assert "There is no partner ghost." in office.says("partner", *words, code=1)


def test_a_settlement_is_signed_by_who_decides(office: Office) -> None:
    added(office, "kiosks")
    secret = office.of("decision-secret", "d")
    said = json.loads(office.says("partner", "settlement", "kiosks", "20251103", *secret, "--json"))
    assert said["totals"]["orders"] == 0
    assert Path(said["file"]).with_suffix(".sig").exists()
    assert "not over" in office.says("partner", "settlement", "kiosks", "29990101", *secret, code=1)


def test_it_does_not_serve_the_street_in_the_clear(office: Office) -> None:
    assert "127.0.0.1" in office.says("partner", "serve", *office.keys, code=2)
    assert "come together" in office.says("partner", "serve", *office.keys, "--certificate", "x", code=2)
    assert "replica" in office.says("partner", "serve", "--host", "127.0.0.1", "--off-site", "replica", *office.keys, code=1)


@contextmanager
def serving(office: Office, log: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], int, int]]:
    """The process, and its two ports."""
    command = [sys.executable, "-m", "kiosk", "hq", "partner", "serve", "--office", str(office.office), *office.keys]
    with log.open("wb") as says:
        process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", "0", "--iso", "0", *words], stderr=says)
    try:
        ends_s = time.monotonic() + 60
        while "sign on at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends_s, log.read_text()
            time.sleep(0.05)
        ports = [int(line.rstrip(".").rpartition(":")[2]) for line in log.read_text().splitlines() if "127.0.0.1:" in line]
        yield process, ports[0], ports[1]
    finally:
        process.kill()
        process.wait()


def test_both_doors_are_served_orders_lie_off_site_and_a_kill_loses_none(office: Office, tmp_path: Path) -> None:
    token, cards = added(office, "bank", "--acquirer", "12345"), [office.card() for _ in range(12)]
    site = tmp_path / "site"
    site.mkdir()
    answered: dict[str, bytes] = {}
    with serving(office, tmp_path / "first", "--off-site", str(site)) as (process, port, _):
        assert keeps_to_itself(process.pid)

        def bring(card: Card) -> None:
            with contextlib.suppress(httpx.HTTPError):
                answered[card.serial] = ordered(port, token, card)
                if len(answered) == 5:
                    os.kill(process.pid, signal.SIGKILL)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(bring, cards))
    assert 5 <= len(answered) < len(cards)
    with serving(office, tmp_path / "second", "--off-site", str(site)) as (_, port, iso):
        again = {card.serial: ordered(port, token, card) for card in cards}
        assert again | answered == again
        switch = Switch(iso)
        assert switch.sign_on(token) == "00"
        asked = financial(reference=f"REF{cards[0].serial[-9:]}") | {"48": private(("01", cards[0].serial), ("04", "1-3"))}
        assert json.loads(again[cards[0].serial])["code"] in switch.ask("0200", asked)["62"]
        switch.close()
    with Store.open(office.office / "hq.db", UTILITY).engine.connect() as connection:
        states = [row[0] for row in connection.exec_driver_sql("SELECT state FROM transfer_order WHERE source = 'partner bank'")]
    assert states == ["open"] * len(cards)
    assert len(list(site.iterdir())) == len(cards)
    log = (tmp_path / "first").read_text() + (tmp_path / "second").read_text()
    assert "Traceback" not in log
    assert token not in log


def keeps_to_itself(process: int) -> bool:
    """No core file of it is written, and it gets no more rights; whoever forbids that forbids dumps and ptrace, too (`hardened`)."""
    limits, status = (Path(f"/proc/{process}/{name}").read_text() for name in ("limits", "status"))
    return re.search(r"Max core file size +0 +0 ", limits) is not None and "NoNewPrivs:\t1" in status


def ordered(port: int, token: str, card: Card) -> bytes:
    said = {"card": card.serial, "amount_minor": 100_00, "currency": "CNY", "purchase": "1-3", "reference": f"REF{card.serial[-9:]}"}
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": card.serial}
    answer = httpx.post(f"http://127.0.0.1:{port}/v1/orders", json=said, headers=headers, timeout=30, trust_env=False)
    assert answer.status_code == 201, answer.text
    return answer.content


def test_the_kiosks_door_has_no_partners_door(office: Office, tmp_path: Path) -> None:
    token = added(office, "app")
    command = [sys.executable, "-m", "kiosk", "hq", "serve", "--office", str(office.office), "--host", "127.0.0.1", "--port", "0"]
    with (tmp_path / "log").open("wb") as says:
        process = subprocess.Popen(command, stderr=says)
    try:
        ends_s = time.monotonic() + 60
        while "knock at" not in (tmp_path / "log").read_text():
            assert process.poll() is None
            assert time.monotonic() < ends_s
            time.sleep(0.05)
        assert keeps_to_itself(process.pid)
        port = int((tmp_path / "log").read_text().strip().rstrip(".").rpartition(":")[2])
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/orders", json={}, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        assert answer.status_code == 404
    finally:
        process.kill()
        process.wait()
