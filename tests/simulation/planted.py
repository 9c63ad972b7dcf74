"""Bugs planted in the product's own code, one at a time. The simulation must find every one of them, in so many steps."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select, update

from kiosk.devices.vault.trading import TradingVault
from kiosk.hq.copies import proof
from kiosk.hq.intake import elsewhere, importer, ledger, writing
from kiosk.hq.intake.ledger import Judged, Verdict
from kiosk.hq.report import posting
from kiosk.hq.schema import BATCH, HEAD, ORIGINAL, UTILITY
from kiosk.sending import Sender
from kiosk.sync.ack import Ack, made_ack
from kiosk.sync.backup import BackupRefused
from kiosk.vend import bank, cash, collect, desk, journal, landing, paying, sale, sent
from kiosk.vend import facts as f
from kiosk.vend.passing import CodeSent, PosDo
from kiosk.vend.seen import CardWorked, CodeChecked, NoteBack, PosAnswered
from kiosk.vend.state import State, find
from kiosk.vend.tariff import bill, to_card_minor
from tests.model.broken import RULES
from tests.oracle.planted import FAULTS
from tests.simulation import planted_desk, post
from tests.simulation.office import Office


class Planted(NamedTuple):
    """What somebody did wrong, and how."""

    what: str
    patch: Callable[[pytest.MonkeyPatch], None]


# ---------------------------------------------------------------- at the head office


def _no_duplicates(mp: pytest.MonkeyPatch) -> None:
    """Whoever wrote it made it "robust": a row that is there already is passed over."""
    put = writing.put

    def passing_over(connection: Any, table: Any, rows: Any) -> None:
        if isinstance(rows, list) and rows:
            names = [column.name for column in table.columns]
            connection.execute(insert(table).prefix_with("OR IGNORE"), [dict(zip(names, row, strict=False)) for row in rows])
        else:
            put(connection, table, rows)

    mp.setattr(writing, "put", passing_over)
    for module in (elsewhere, posting, writing):
        mp.setattr(module, "insert", lambda table: insert(table).prefix_with("OR IGNORE"))


def double_import(mp: pytest.MonkeyPatch) -> None:
    judge = ledger.judged
    _no_duplicates(mp)

    def judged(head: ledger.Head, header: Any, digest: str, known: str | None) -> Judged:
        said = judge(head, header, digest, known)
        return Judged(Verdict.OK) if said.verdict is Verdict.REPLAY and header.seq == head.seq else said

    mp.setattr(importer, "judged", judged)
    mp.setattr(importer.Importer, "_here", lambda *_: [])


def _verdict(mp: pytest.MonkeyPatch, old: Verdict, new: Verdict) -> None:
    judge = ledger.judged

    def judged(*given: Any) -> Judged:
        said = judge(*given)
        return Judged(new, said.sentence) if said.verdict is old else said

    mp.setattr(importer, "judged", judged)


def gap_accepted(mp: pytest.MonkeyPatch) -> None:
    _verdict(mp, Verdict.GAP, Verdict.OK)


def fork_accepted(mp: pytest.MonkeyPatch) -> None:
    _no_duplicates(mp)
    _verdict(mp, Verdict.FORK, Verdict.OK)


def early_checkpoint(mp: pytest.MonkeyPatch) -> None:
    """The head is moved at once, and the rows of a batch come with the next one's, if nothing happens to them until then."""
    waiting: list[tuple[Any, Any]] = []
    put = writing.put

    def write(connection: Any, group: Any, heads: Any, now_ms: int) -> Any:
        for table, rows in waiting:
            put(connection, table, rows)
        waiting.clear()
        return whole(connection, group, heads, now_ms)

    whole, begin = writing.write, importer.Importer.__init__
    mp.setattr(writing, "put", lambda c, table, rows: put(c, table, rows) if table in (BATCH, ORIGINAL) else waiting.append((table, rows)))
    mp.setattr(importer, "write", write)

    def anew(self: importer.Importer, *given: Any, **named: Any) -> None:
        waiting.clear()
        begin(self, *given, **named)

    mp.setattr(importer.Importer, "__init__", anew)


def ack_above_durable(mp: pytest.MonkeyPatch) -> None:
    def hopeful(ack: Ack, signer: Any) -> bytes:
        return made_ack(msgspec.structs.replace(ack, durable_through=ack.contiguous_seq), signer)

    mp.setattr(importer, "made_ack", hopeful)


def ack_before_import(mp: pytest.MonkeyPatch) -> None:
    def hopeful(ack: Ack, signer: Any) -> bytes:
        return made_ack(msgspec.structs.replace(ack, contiguous_seq=max([ack.contiguous_seq, *ack.parked])), signer)

    mp.setattr(importer, "made_ack", hopeful)


def unproved_backup(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(proof, "check", lambda _: None)


def heads_for_proof(mp: pytest.MonkeyPatch) -> None:
    """Somebody found that the proof takes long: the ledger is held against the heads, and no row is read."""

    def check(connection: Any) -> None:
        for head in connection.execute(select(HEAD).where(HEAD.c.seq > 0)).all():
            ledger = connection.execute(select(BATCH).where(BATCH.c.kiosk_no == head.kiosk_no).order_by(BATCH.c.seq)).all()
            if len(ledger) != head.seq or (ledger[-1].hash, ledger[-1].row_hash) != (head.hash, head.row_hash):
                raise BackupRefused("The ledger does not end as the head does.")

    mp.setattr(proof, "check", check)


def sums_unproved(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(proof, "check_sums", lambda _: None)


def sales_unproved(mp: pytest.MonkeyPatch) -> None:
    """The sums are those of the sales that are there, and nobody asks whether these are all."""

    def counted(journal: proof.Journal, batch: Any, _: Any) -> None:
        journal.seen["sale"] += len(journal.sales.upto(batch.last))
        journal.seen["box"] += len(journal.boxes.upto(batch.last))

    mp.setattr(proof, "_check_sold", counted)


def restored_in_the_same_epoch(mp: pytest.MonkeyPatch) -> None:
    """A backup is put back, and the office goes on as if nothing had been lost."""
    restore = Office.restore

    def same(self: Office, *given: Any, **named: Any) -> None:
        restore(self, *given, **named)
        self.epoch -= 1
        self._transact(lambda connection: connection.execute(update(UTILITY).values(epoch=self.epoch)))
        self.store.epoch = self.epoch

    mp.setattr(Office, "restore", same)


# ---------------------------------------------------------------- at the kiosk's post


def no_way_back(mp: pytest.MonkeyPatch) -> None:
    believed = sent.acknowledged

    def acknowledged(held: sent.Sent, trust: Any, said: sent.Acknowledged) -> tuple[f.Fact, ...]:
        return () if said.batch < held.acked.batch else believed(held, trust, said)

    mp.setattr(sent, "acknowledged", acknowledged)
    mp.setattr("kiosk.sending.acknowledged", acknowledged)


def sent_is_safe(mp: pytest.MonkeyPatch) -> None:
    """A batch leaves the spool when it was carried away once, whether or not it arrived."""
    settle = Sender._settle_spool

    def once(self: Sender, hq_key: bytes) -> None:
        before = set(self._boxed)
        settle(self, hq_key)
        for waiting in self._spool.waiting():
            if waiting.seq in before:
                self._spool.done(waiting.seq)

    mp.setattr(Sender, "_settle_spool", once)


def seen_before_its_fact(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(post.Spool, "draft", post.Spool.put)
    mp.setattr(post.Spool, "release", lambda *_: None)


# ---------------------------------------------------------------- at the machine


def write_before_intent(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(f.WriteStarted, "barrier", False)


def credit_not_durable(mp: pytest.MonkeyPatch) -> None:
    append = journal.Journal.append

    def later(self: journal.Journal, at_ms: int, boot: int, mono_ms: int, facts: Any) -> Any:
        commit, self.commit = self.commit, lambda: None  # type: ignore[method-assign]
        try:
            return append(self, at_ms, boot, mono_ms, facts)
        finally:
            self.commit = commit  # type: ignore[method-assign]

    mp.setattr(journal.Journal, "append", later)


def reversed_after_the_tag(mp: pytest.MonkeyPatch) -> None:
    """The record is begun while the terminal waits, so that the payment can be taken back where the card stores nothing."""
    worked = landing.card_worked

    def at_once(state: State, seen: CardWorked, now: Any) -> tuple[f.Fact, ...]:
        due, facts = find(state, state.here.due), worked(state, seen, now)
        payment = state.bank.of(due.id) if due else None
        if payment is None or due is None or not any(isinstance(fact, PosDo) and fact.do == "goods" for fact in facts):
            return facts
        credit = to_card_minor(bill(due.quote, payment.amount_minor))
        return (facts[0], f.WriteStarted(due.id, due.card, due.meter, due.n, credit, seen.tag))

    mp.setattr(landing, "card_worked", at_once)


def approval_is_money(mp: pytest.MonkeyPatch) -> None:
    """Whoever wrote it took the bank's yes for its money: the goods are given before the terminal has completed the payment."""
    approved = paying._approved

    def at_once(state: State, payment: bank.Payment, seen: PosAnswered, now: Any) -> tuple[f.Fact, ...]:
        yes, *_ = approved(state, payment, seen, now)
        return (yes, paying._final(payment, payment.sale, seen, recovered=False))

    mp.setattr(paying, "_approved", at_once)


def unknown_is_nothing(mp: pytest.MonkeyPatch) -> None:
    """A payment of which the terminal says nothing is taken for one that never was."""
    answered = paying.answered

    def forgotten(rules: Any, state: State, seen: PosAnswered, now: Any) -> tuple[f.Fact, ...]:
        facts = answered(rules, state, seen, now)
        return tuple(bank.PosDeclined(fact.sale, fact.payment, "none") if isinstance(fact, bank.PosUnknown) else fact for fact in facts)

    mp.setattr(paying, "answered", forgotten)


def code_used_again(mp: pytest.MonkeyPatch) -> None:
    """A code whose slot is behind the card is put in the card's next one: the same machine takes it as often as it is typed."""

    def late(_rules: Any, state: State, sent: CodeSent, seen: CodeChecked, now: Any) -> tuple[f.Fact, ...]:
        here = state.here
        assert here.reading
        opened, *rest = collect._accepted(state, sent, seen.salt, here.reading, now)
        assert isinstance(opened, f.SaleOpened)
        return (replace(opened, n=here.verdict.n if here.verdict and here.verdict.n else opened.n), *rest)

    mp.setattr(collect, "_too_late", late)


def salt_left_out(mp: pytest.MonkeyPatch) -> None:
    """A code's record gets a salt by chance, as that of any other sale."""
    accepted = collect._accepted

    def salted(state: State, sent: CodeSent, _salt: str, reading: Any, now: Any) -> tuple[f.Fact, ...]:
        return accepted(state, sent, "", reading, now)

    mp.setattr(collect, "_accepted", salted)


def any_code_is_right(mp: pytest.MonkeyPatch) -> None:
    """Nobody looks at the ten digits: whoever has learnt how the rest is made makes codes."""
    mp.setattr(TradingVault, "check_code", lambda _vault, _terms, _mac: b"\x12\x34")


def proof_of_another(mp: pytest.MonkeyPatch) -> None:
    """A passed code's proof always says that another record took its slot."""
    another = collect._another
    mp.setattr(collect, "_another", lambda *given: None if another(*given) is None else True)


def pulled_is_cancelled(mp: pytest.MonkeyPatch) -> None:
    without = sale._without_card

    def over(rules: Any, state: State, now: Any) -> tuple[f.Fact, ...]:
        if state.sale and state.sale.record:
            return (landing.closed(rules, state, state.sale, "returned", now),)
        return without(rules, state, now)

    mp.setattr(sale, "_without_card", over)


def told_twice(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(cash, "is_news", lambda *_: True)


def growth_ignored(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(cash, "_growth", lambda *_: [])


def credit_on_escrow(mp: pytest.MonkeyPatch) -> None:
    def note_back(state: State, seen: NoteBack) -> tuple[f.Fact, ...]:
        held = state.sale.escrow if state.sale else None
        if not held or not state.sale:
            return ()
        return (f.NoteStacked(state.sale.id, seen.device, seen.serial, held.denomination, seen.counter, None),)

    mp.setattr(cash, "note_back", note_back)


def late_checkpoint_row(mp: pytest.MonkeyPatch) -> None:
    """The state that is stored is older than the row that it is stored at: what lies between is never folded again."""
    take = desk.Desk._checkpoint

    def older(self: Any, now: Any) -> None:
        state = self._state
        self._state, self._older = getattr(self, "_older", state), state
        take(self, now)
        self._state = state

    mp.setattr(desk.Desk, "_checkpoint", older)


BUGS: dict[str, Planted] = {
    "double import": Planted("a batch that came twice is added up twice", double_import),
    "gap accepted": Planted("a batch is imported though one before it is missing", gap_accepted),
    "fork accepted": Planted("a second history of a store is imported over the first", fork_accepted),
    "early checkpoint": Planted("a kiosk's head moves before the rows of the batch are there", early_checkpoint),
    "ack above durable": Planted("what no backup has is called durable", ack_above_durable),
    "ack before import": Planted("what is parked is acknowledged", ack_before_import),
    "unproved backup": Planted("a backup is called good and durable without its proof", unproved_backup),
    "heads for proof": Planted("a backup is proved by the ledger and the heads alone", heads_for_proof),
    "sums unproved": Planted("a backup is called good, and nobody adds up what its sums are", sums_unproved),
    "sales unproved": Planted("a backup is called good, and its sales are not held against the rows", sales_unproved),
    "same epoch": Planted("an office that was put back goes on in its old epoch", restored_in_the_same_epoch),
    "no way back": Planted("a kiosk does not send again what a restored office has lost", no_way_back),
    "sent is safe": Planted("a batch leaves the spool unacknowledged", sent_is_safe),
    "seen before its fact": Planted("a batch may be carried before its fact is on disk", seen_before_its_fact),
    "write before intent": Planted("a card is marked before the record is on disk", write_before_intent),
    "credit not durable": Planted("a barrier waits for no disk", credit_not_durable),
    "reversal after the tag": Planted("a payment by bank card can be taken back when its record stands on a card", reversed_after_the_tag),
    "approval is money": Planted("the bank's yes is money before the terminal has completed the payment", approval_is_money),
    "unknown is nothing": Planted("a payment that the terminal says nothing of is taken for none", unknown_is_nothing),
    "code used again": Planted("a code whose slot is taken is put in the next one", code_used_again),
    "salt left out": Planted("the record of a code has not the code's own salt", salt_left_out),
    "any code is right": Planted("the ten digits of a code are not looked at", any_code_is_right),
    "proof of another": Planted("the proof of a code that was used says that it was not", proof_of_another),
    "pulled is cancelled": Planted("a card pulled in the write gets its money back", pulled_is_cancelled),
    "told twice": Planted("an acceptor's repeated event is credited again", told_twice),
    "growth ignored": Planted("pieces that no event told are forgotten", growth_ignored),
    "credit on escrow": Planted("a note that goes back is credited", credit_on_escrow),
    "older state": Planted("a checkpoint's state is older than its row", late_checkpoint_row),
    "proof by absence": Planted("a claim is settled because nothing speaks for it", planted_desk.proof_by_absence),
    "proof by intent": Planted("a claim is settled on another sale's WriteStarted", planted_desk.proof_by_intent),
    "orders forgotten": Planted(
        "a restore forgets orders, and their money is ordered again in a later slot", planted_desk.orders_forgotten
    ),
    "never short": Planted("an office that was put back takes payments before its orders are complete", planted_desk.never_short),
    "held again": Planted("an order whose code is out comes back as one that is held", planted_desk.held_again),
    "other money": Planted("an order that settles a sale is taken for other money", planted_desk.order_that_paid_for_nothing),
    "blind": Planted(RULES["blind"].what, RULES["blind"].patch),
    "repeat-new": Planted(RULES["repeat-new"].what, RULES["repeat-new"].patch),
    **{f"money: {name}": Planted(fault.what, fault.patch) for name, fault in FAULTS.items() if name != "day report"},
}
