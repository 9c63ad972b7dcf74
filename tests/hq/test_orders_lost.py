"""Orders that were made after the last backup: they come back from the other site, and until none is missing nobody is sold one twice."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from sqlalchemy import func, select, update
from typer.testing import CliRunner, Result

from kiosk import envelope
from kiosk.cli import app
from kiosk.hq.copies import reported
from kiosk.hq.intake import worklist
from kiosk.hq.orders import matching, off_site
from kiosk.hq.orders.book import Order, OrderRefused, Wanted, find
from kiosk.hq.orders.record import short
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.partners.accounts import Partner, account, add, pay_in
from kiosk.hq.partners.tables import ENTRY
from kiosk.hq.partners.till import Payment, Sold
from kiosk.hq.settlement.deciding import NotSettled
from kiosk.sync.backup import Backup
from kiosk.vend.damm import purchase_number
from tests.hq.batches import UTILITY
from tests.hq.restored_kit import Branch, collect
from tests.hq.settle_kit import CARD, bought, claimed
from tests.sale.shop import Card

DAY_MS = 86_400_000
RUN = CliRunner()
BANK = Partner("bank", "CNY", 500_00, 900_00, credit_minor=100_00)
PAYMENT = Payment(card=CARD, amount_minor=100_00, currency="CNY", purchase=purchase_number(1), reference="T-1")


@pytest.fixture
def branch(tmp_path: Path) -> Iterator[Branch]:
    made = Branch(tmp_path, "K07", "K08")
    add(made.store, BANK, made.now_ms)
    pay_in(made.store, "bank", 500_00, "transfer 1", made.now_ms)
    yield made
    made.close()


def asked(branch: Branch, payment: Payment = PAYMENT) -> Sold:
    """The partner's program asks, under a key of its own."""
    return branch.till.order(BANK, f"key {payment.reference}", payment, branch.now_ms)


def of_last_night(branch: Branch) -> tuple[Backup, Sold, Card]:
    """An order that is younger than the backup, and whose code is used."""
    last_night, card = branch.backed_up(), Card()
    sold = asked(branch)
    collect(branch, "K08", card, sold.code)
    assert card.credited == [100_00]
    return last_night, sold, card


def spent(branch: Branch) -> int:
    """What the partner's account says of its orders."""
    lines = select(func.sum(ENTRY.c.amount_minor)).where(ENTRY.c.partner == "bank", ENTRY.c.what == "order")
    return -int(branch.store.read(lambda connection: connection.execute(lines).scalar() or 0))


# ---------------------------------------------------------------- the other site is there


@pytest.mark.parametrize("complete", [True, False])
def test_a_lost_order_is_taken_in_with_its_code_and_its_money(branch: Branch, complete: bool) -> None:
    last_night, sold, card = of_last_night(branch)
    back = branch.restored(last_night, complete=complete)
    assert (back.orders.taken, back.orders.listed, back.short) == (1, 0, not complete)
    branch.hears()
    again = asked(branch)
    assert (again.order, again.code) == (sold.order, sold.code)
    assert spent(branch) == 100_00
    collect(branch, "K07", card, again.code)
    assert card.credited == [100_00]
    branch.hears()
    assert matching.match(branch.store, branch.now_ms).without == ()
    order = find(branch.store, sold.order)
    assert order is not None
    assert order.state == "collected"


def test_what_was_held_against_no_order_is_looked_at_again_when_the_folder_comes_late(branch: Branch) -> None:
    last_night, sold, _ = of_last_night(branch)
    branch.restored(last_night, site=False, complete=False)
    branch.hears()
    assert len(matching.match(branch.store, branch.now_ms).without) == 1
    done = run("order", "take", str(branch.site), "--office", str(branch.office.folder), "--json")
    assert json.loads(done.stdout) == {"taken": 1, "listed": 0}
    assert matching.match(branch.store, branch.now_ms).without == ()
    assert find(branch.store, sold.order).state == "collected"  # type: ignore[union-attr]
    assert [line.what for line in worklist.waiting(branch.store) if line.what == "code"] == []
    again = reported.orders(branch.store, branch.site, (bytes.fromhex(branch.office.record.ack),), branch.now_ms)
    assert (again, spent(branch)) == (reported.Orders(0, 0), 100_00)


def test_an_order_that_its_partner_cancelled_comes_back_cancelled_and_is_not_charged(branch: Branch) -> None:
    last_night = branch.backed_up()
    keep, branch.orders._off_site = branch.orders._off_site, away
    with pytest.raises(OrderRefused, match="does not answer"):
        asked(branch)
    name = branch.till.state(BANK, reference="T-1", now_ms=branch.now_ms).order
    branch.orders._off_site = keep
    branch.orders.keep(find(branch.store, name))  # type: ignore[arg-type] # it was there, and the power failed
    branch.till.cancel(BANK, name, branch.now_ms)
    assert sorted(path.name for path in branch.site.iterdir()) == [name, f"{name}.void"]
    branch.restored(last_night)
    assert (find(branch.store, name).state, spent(branch)) == ("void", 0)  # type: ignore[union-attr]
    with pytest.raises(OrderRefused, match="was cancelled"):
        asked(branch)


def away(_order: Order) -> None:
    raise OrderRefused("off_site", off_site.AWAY)


def out_at_the_second_try(branch: Branch) -> Sold:
    """The other site did not answer at first. So the order was held when its file was written, and then its code left."""
    keep, branch.orders._off_site = branch.orders._off_site, away
    with pytest.raises(OrderRefused, match="does not answer"):
        asked(branch)
    branch.orders._off_site = keep
    return asked(branch)


@pytest.mark.parametrize("how", ["cancel", "reverse"])
def test_an_order_whose_code_left_at_the_second_try_comes_back_as_one_that_cannot_be_taken_back(branch: Branch, how: str) -> None:
    last_night = branch.backed_up()
    sold, card = out_at_the_second_try(branch), Card()
    branch.restored(last_night)
    till, now_ms = branch.till, branch.now_ms
    undo = partial(till.cancel, BANK, sold.order, now_ms) if how == "cancel" else partial(till.reverse, BANK, "another key", "T-1", now_ms)
    with pytest.raises(OrderRefused, match="was given out"):
        undo()
    collect(branch, "K08", card, sold.code)
    assert (card.credited, spent(branch)) == ([100_00], 100_00)


def held(branch: Branch) -> str:
    """An order of which the other site has no file yet, and its partner no answer."""
    keep, branch.orders._off_site = branch.orders._off_site, away
    with pytest.raises(OrderRefused, match="does not answer"):
        asked(branch)
    branch.orders._off_site = keep
    return branch.till.state(BANK, reference="T-1", now_ms=branch.now_ms).order


@pytest.mark.parametrize("how", ["cancel", "reverse"])
def test_an_order_that_the_backup_has_as_held_and_whose_code_left_since_cannot_be_taken_back(branch: Branch, how: str) -> None:
    name = held(branch)
    last_night = branch.backed_up()
    sold, card = asked(branch), Card()
    assert sold.order == name
    back = branch.restored(last_night)
    assert (back.orders.taken, back.orders.listed) == (1, 0)
    till, now_ms = branch.till, branch.now_ms
    undo = partial(till.cancel, BANK, name, now_ms) if how == "cancel" else partial(till.reverse, BANK, "another key", "T-1", now_ms)
    with pytest.raises(OrderRefused, match="was given out"):
        undo()
    collect(branch, "K08", card, sold.code)
    assert (card.credited, spent(branch)) == ([100_00], 100_00)


def test_an_order_that_the_backup_has_as_held_is_a_case_when_nobody_collects_it(branch: Branch) -> None:
    held(branch)
    last_night = branch.backed_up()
    sold = asked(branch)
    branch.restored(last_night)
    (case,) = branch.cases.all(sold.until_ms)
    assert (case.value, case.kind, case.amount_minor) == (sold.order, "order", 100_00)


def test_an_order_that_the_backup_has_as_held_and_that_was_cancelled_since_is_cancelled_once(branch: Branch) -> None:
    name = held(branch)
    branch.orders.keep(find(branch.store, name))  # type: ignore[arg-type] # it was there, and the power failed
    last_night = branch.backed_up()
    branch.till.cancel(BANK, name, branch.now_ms)
    stands = balance(branch)
    branch.restored(last_night)
    assert (find(branch.store, name).state, balance(branch)) == ("void", stands)  # type: ignore[union-attr]
    branch.till.cancel(BANK, name, branch.now_ms)
    reported.orders(branch.store, branch.site, (bytes.fromhex(branch.office.record.ack),), branch.now_ms)
    assert balance(branch) == stands
    with pytest.raises(OrderRefused, match="was cancelled"):
        asked(branch)


def balance(branch: Branch) -> int:
    """Of the partner's account."""
    return branch.store.read(lambda connection: account(connection, BANK, branch.now_ms).balance_minor)


def test_an_order_whose_code_left_at_the_second_try_is_a_case_when_nobody_collects_it(branch: Branch) -> None:
    last_night = branch.backed_up()
    sold = out_at_the_second_try(branch)
    branch.restored(last_night)
    (case,) = branch.cases.all(sold.until_ms)
    assert (case.value, case.kind, case.amount_minor) == (sold.order, "order", 100_00)


def test_a_cancelled_order_does_not_wait_for_the_other_site(branch: Branch) -> None:
    branch.orders._off_site = away
    with pytest.raises(OrderRefused, match="does not answer"):
        asked(branch)
    name = branch.till.state(BANK, reference="T-1", now_ms=branch.now_ms).order
    assert branch.till.cancel(BANK, name, branch.now_ms).state == "cancelled"


def other_key(label: str, data: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(b"\7" * 32).sign(envelope.labelled(label, data))


@pytest.mark.parametrize("forged", ["another key", "another utility", "another name", "one digit", "another label", "cut"])
def test_a_file_that_this_office_did_not_sign_becomes_no_money(branch: Branch, forged: str) -> None:
    sign, now_ms = branch.office.signer("ack"), branch.now_ms
    order = Order("ABCDEFGHJK", 1, 1, CARD, "000012345678", 8, 50_00, "CNY", 1, now_ms, now_ms + 1, "partner bank", "T-9")
    raw = off_site.signed(order, UTILITY, sign)
    name, whole = {
        "another key": (order.name, off_site.signed(order, UTILITY, other_key)),
        "another utility": (order.name, off_site.signed(order, UTILITY + 1, sign)),
        "another name": ("ABCDEFGHJM", raw),
        "one digit": (order.name, raw.replace(b'"amount_minor":5000', b'"amount_minor":9000')),
        "another label": (order.name, raw.replace(raw.split(b"\n")[1], other_label(raw, sign))),
        "cut": (order.name, raw[:-1]),
    }[forged]
    (branch.site / name).write_bytes(whole)
    key = bytes.fromhex(branch.office.record.ack)
    assert off_site.believed(raw, order.name, UTILITY, (key,)) == order
    assert reported.orders(branch.store, branch.site, (key,), now_ms).taken == 0
    assert (find(branch.store, order.name), spent(branch)) == (None, 0)


def other_label(raw: bytes, sign: off_site.Signer) -> bytes:
    """The signature of the same header for another purpose, in base64."""
    header = raw.split(b"\n")[0]
    return envelope.sealed(sign, "ack", header, b"").split(b"\n")[1]


def test_an_order_whose_reference_or_place_another_one_has_is_on_the_worklist_once(branch: Branch) -> None:
    sign, key = branch.office.signer("ack"), bytes.fromhex(branch.office.record.ack)
    sold = asked(branch)
    there = find(branch.store, sold.order)
    assert there is not None
    keep = off_site.folder(branch.site, UTILITY, sign)
    for name, reference, n in (("ABCDEFGHJK", "T-1", 3), ("ABCDEFGHJM", "T-2", there.n)):
        keep(Order(name, 1, 1, CARD, there.meter, n, 70_00, "CNY", 1, 1, 2, BANK.source, reference))
    for _ in range(2):
        assert reported.orders(branch.store, branch.site, (key,), branch.now_ms) == reported.Orders(0, 2)
    lines = [line.sentence for line in worklist.waiting(branch.store) if line.what == "order"]
    assert [("stands for order" in line, "has its place" in line) for line in lines] == [(True, False), (False, True)]
    assert spent(branch) == 100_00


def test_an_order_that_has_the_place_of_one_that_nobody_collected_in_time_is_taken_in(branch: Branch) -> None:
    """Codes of last quarter are taken no more, and their slot is free again."""
    late = branch.orders.make(Wanted(branch.held(), 50_00, "CNY", 1, "counter", "C-1"), branch.now_ms - 90 * DAY_MS).order
    last_night, card = branch.backed_up(), Card()
    sold = asked(branch)
    order = find(branch.store, sold.order)
    assert order is not None
    assert (order.n, late.until_ms <= order.made_ms) == (late.n, True)
    back = branch.restored(last_night)
    assert (back.orders.taken, back.orders.listed) == (1, 0)
    collect(branch, "K08", card, asked(branch).code)
    assert (card.credited, spent(branch)) == ([100_00], 100_00)


@pytest.mark.parametrize("state", ["open", "collected"])
def test_an_order_is_not_taken_in_where_another_one_was_live_in_its_place(branch: Branch, state: str) -> None:
    sign, key, now_ms = branch.office.signer("ack"), bytes.fromhex(branch.office.record.ack), branch.now_ms
    there = find(branch.store, asked(branch).order)
    assert there is not None
    branch.store.transact(lambda connection: connection.execute(update(ORDER).where(ORDER.c.name == there.name).values(state=state)))
    off_site.folder(branch.site, UTILITY, sign)(replace(there, name="ABCDEFGHJK", reference="T-9", generation=there.generation + 1))
    assert reported.orders(branch.store, branch.site, (key,), now_ms) == reported.Orders(0, 1)


# ---------------------------------------------------------------- it is behind, or gone


@pytest.mark.parametrize("site", ["gone", "behind"])
def test_a_partner_that_asks_again_for_a_lost_order_gets_no_second_one(branch: Branch, site: str) -> None:
    last_night, sold, card = of_last_night(branch)
    whole = (branch.site / sold.order).read_bytes()
    (branch.site / sold.order).unlink()
    branch.restored(last_night, site=site == "behind", complete=False)
    branch.hears()
    for _ in range(2):
        with pytest.raises(OrderRefused, match="not complete yet") as refused:
            asked(branch)
        assert refused.value.why == "short"
    with pytest.raises(OrderRefused, match="not complete yet"):
        branch.till.quote(BANK, PAYMENT, branch.now_ms)
    assert spent(branch) == 0
    (branch.site / sold.order).write_bytes(whole)  # it has caught up
    key = bytes.fromhex(branch.office.record.ack)
    assert reported.orders(branch.store, branch.site, (key,), branch.now_ms).taken == 1
    assert asked(branch).order == sold.order  # known again, though two people have not said so yet
    collect(branch, "K07", card, sold.code)
    assert card.credited == [100_00]


def test_the_counter_sells_nothing_while_the_office_is_short(branch: Branch) -> None:
    wanted = Wanted(branch.held(), 50_00, "CNY", 1, "counter", "C-1")
    before = branch.orders.make(wanted, branch.now_ms)
    branch.restored(branch.backed_up(), complete=False)
    assert branch.orders.make(wanted, branch.now_ms).order == before.order
    with pytest.raises(OrderRefused, match="not complete yet"):
        branch.orders.make(Wanted(branch.held(), 50_00, "CNY", 1, "counter", "C-2"), branch.now_ms)


def test_a_short_office_orders_a_claim_in_its_own_slot_and_in_no_other(branch: Branch) -> None:
    card, last_night = Card(), branch.backed_up()
    claimed(branch.machines["K07"], card)
    branch.restored(last_night, complete=False)
    branch.hears()
    made = branch.decided(branch.claim("K07")).made
    assert made is not None
    assert made.order.n == 2
    bought(branch.machines["K08"], card)
    branch.hears()
    with pytest.raises((OrderRefused, NotSettled), match="not complete yet"):
        branch.decided(branch.claim("K07"))


def test_a_short_office_orders_nothing_again_on_a_count_proof(branch: Branch) -> None:
    paid = branch.orders.make(Wanted(branch.held(), 100_00, "CNY", 1, "counter", "P1"), branch.now_ms)
    last_night = branch.backed_up()
    bought(branch.machines["K08"], Card())
    branch.restored(last_night, complete=False)
    with pytest.raises(OrderRefused, match="not complete yet"):
        branch.proved_again(paid.order.name)


# ---------------------------------------------------------------- two people end it


def run(*words: str) -> Result:
    return RUN.invoke(app, ["hq", *words])


def test_two_people_say_that_no_order_is_missing(branch: Branch) -> None:
    branch.restored(branch.backed_up(), complete=False)
    assert [line.what for line in worklist.waiting(branch.store)] == ["short"]
    words = ["order", "complete", "--office", str(branch.office.folder), "--note", "all of the site's files"]
    one, other = branch.house.secrets()[1::2]
    alone = run(*words, "--first-secret", one, "--second-secret", one)
    assert (alone.exit_code, alone.output) == (1, "This passphrase does not open the key of the root; 4 more tries.\n")
    assert branch.store.read(short)
    done = run(*words, "--first-secret", one, "--second-secret", other)
    assert (done.exit_code, done.stdout) == (0, "The record of orders is complete: new payments are taken.\n")
    assert not branch.store.read(short)
    assert worklist.waiting(branch.store) == []
    assert asked(branch).amount_minor == 100_00
    assert "Nothing was missing." in run(*words, "--first-secret", one, "--second-secret", other).stdout


def test_an_office_that_was_put_back_twice_is_short_until_it_is_complete_for_both(branch: Branch) -> None:
    made = branch.backed_up()
    branch.restored(made, complete=False)
    again = branch.backed_up()
    branch.restored(again, complete=False)
    assert branch.store.epoch == 3
    assert len(worklist.waiting(branch.store)) == 2
    with pytest.raises(OrderRefused, match="not complete yet"):
        asked(branch)


def test_the_restore_command_says_what_became_of_the_orders(branch: Branch, tmp_path: Path) -> None:
    last_night, sold, _ = of_last_night(branch)
    words = ["restore", str(last_night.folder), "--keys", str(branch.house.keys), *branch.house.secrets(), "--orders", str(branch.site)]
    said = run(*words, "--office", str(tmp_path / "one"))
    assert said.exit_code == 0, said.output
    assert "1 orders that were made after the backup were taken in." in said.stdout
    assert "kiosk hq order complete" in said.stdout
    whole = run(*words, "--office", str(tmp_path / "two"), "--orders-complete", "--json")
    assert {key: json.loads(whole.stdout)[key] for key in ("orders", "short")} == {"orders": {"taken": 1, "listed": 0}, "short": False}
    found = json.loads(run("order", "show", sold.order, "--office", str(tmp_path / "two"), "--json").stdout)
    assert found["order"]["reference"] == "T-1"


def test_the_partners_account_goes_on_from_what_the_backup_knew(branch: Branch) -> None:
    last_night, _, _ = of_last_night(branch)
    branch.restored(last_night)
    stands = branch.store.read(lambda connection: account(connection, BANK, branch.now_ms))
    assert (stands.balance_minor, stands.spent_minor) == (400_00, 100_00)
