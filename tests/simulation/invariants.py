"""What must hold after every step. Each check is cheap enough to be made each time, of what was touched; `of_all` looks at everything."""

from dataclasses import replace
from typing import TYPE_CHECKING

from kiosk.sync.ack import Ack
from kiosk.vend.rows import line, link, origin
from tests.simulation.books import CASH, Sums
from tests.simulation.kiosk import Kiosk
from tests.simulation.money import Value, name_of

if TYPE_CHECKING:
    from tests.simulation.world import Home, World

UNTOLD = """
    SELECT sum(credit_minor), sum(fee_minor + debt_minor), sum(claim_minor) FROM sale JOIN kiosk ON kiosk_no = no
    WHERE id = ? AND seq < 0 AND posted_day <> 0 AND NOT EXISTS (
        SELECT 1 FROM fact JOIN kind ON kind = kind.no
        WHERE fact.kiosk_no = sale.kiosk_no AND fact.sale = sale.sale AND kind.name = 'ClaimSettled'
    )
"""


def of_kiosk(world: "World", kiosk: Kiosk) -> str:
    """Of one machine, after something happened to it; "" when all is well."""
    if not kiosk.on:
        return ""
    money = every_cent(kiosk) or pieces(kiosk) or of_terminal(kiosk) or float_spent(kiosk) or suspected(kiosk)
    return kiosk.books.wrong or kiosk.ledger.wrong(kiosk.state) or begun(kiosk) or money or chain(kiosk) or marked(world, kiosk)


def suspected(kiosk: Kiosk) -> str:
    """No power cut is taken for a disk that was put back."""
    restored = None if kiosk.betrayed else kiosk.state.witness.restored
    return f"{kiosk.id}: its disk is as it was left, and it says {restored}" if restored else ""


def begun(kiosk: Kiosk) -> str:
    """No sale lands without a row of its write. A disk that lied may have lost that row: then a code's own mark on the card tells it."""
    sale = kiosk.books.unbegun
    return f"{sale} landed, and nobody began to write it" if sale and not (kiosk.betrayed and sale in kiosk.books.codes) else ""


def every_cent(kiosk: Kiosk) -> str:
    """Tendered = on cards + deductions + held by the open sale + claims that are open; orphans apart."""
    books, state = kiosk.books, kiosk.state
    held = state.sale.tender_minor if state.sale else 0
    owed = sum(claim.tender_minor for claim in state.claims.values())
    sums = books.sums
    if books.tendered != sums.credited + sums.deducted + sums.returned + held + sums.claims - sums.settled:
        return f"{kiosk.id}: {books.tendered} came in, and {sums} with {held} held"
    if owed != sums.claims - sums.settled:
        return f"{kiosk.id}: claims of {owed} are open, {sums.claims} were issued and {sums.settled} settled"
    box = sum(int(value) * count for boxed in state.boxes.values() for value, count in boxed.items())
    if box != books.cash + books.orphans:
        return f"{kiosk.id}: {box} is in the box, and {books.cash} and {books.orphans} orphans fell"
    return ""


def pieces(kiosk: Kiosk) -> str:
    """The acceptors' own counters decide how many pieces there are: never more, and no fewer where everything has been told."""
    state = kiosk.state
    for device in CASH:
        one, memory = kiosk.acceptors[device], state.acceptors.get(device)
        took, told = one.accepted - kiosk.base[device], kiosk.books.pieces[device]
        unheard = memory is None or memory.accepted != one.accepted or device not in state.here.met or device in state.faults
        settling = state.witness.restored or kiosk.journal.pending() or unheard
        if told > took or (told < took and not settling):
            return f"{kiosk.id}: {device} took {took}, the rows say {told}"
    return ""


def of_terminal(kiosk: Kiosk) -> str:
    """Approvals less reversals in the terminal's own book = what the journal says is money, and what it does not know yet."""
    if kiosk.betrayed:
        return ""
    books, open_one = kiosk.books, kiosk.state.bank.open
    for entry in kiosk.terminal.of(kiosk.id):
        asked, final = books.asked.get(entry.payment), entry.state == "final"
        if asked != entry.amount_minor:
            return f"{kiosk.id}: the terminal was asked for {entry}, and the rows say {asked}"
        if (entry.payment in books.paid) is not final and not (open_one and open_one.id == entry.payment):
            return f"{kiosk.id}: by the terminal's book {entry}, and by the rows {books.unpaid.get(entry.payment, 'paid')}"
    if len(books.paid) > len(kiosk.terminal.book):
        return f"{kiosk.id}: {len(books.paid)} payments are money, and the terminal has written {len(kiosk.terminal.book)}"
    return ""


def chain(kiosk: Kiosk) -> str:
    """Every new row follows the one before it, and what is on the disk is what was linked."""
    rows, at, linked = kiosk.journal._stored, *kiosk.linked
    if at > len(rows) or not at:
        at, linked = 0, origin(kiosk.journal.store_id)
    for values in rows[at:]:
        at += 1
        linked = link(linked, line(values[:4], values[4:8]))
        if values[0] != at or values[8] != linked:
            return f"{kiosk.id}: row {at} is not linked to the one before it"
    kiosk.linked = at, linked
    return ""


def marked(world: "World", kiosk: Kiosk) -> str:
    """No card is marked before its record is on disk."""
    if not kiosk.marked:
        return ""
    whose, seq = world.tags.get(kiosk.marked, ("", 0))
    if whose != kiosk.id or seq > kiosk.journal.written:
        return f"{kiosk.id}: a card was marked {kiosk.marked}, and no row on the disk speaks of it"
    return ""


def float_spent(kiosk: Kiosk) -> str:
    """Never more than was granted, but for coins in fall and what was in escrow when the grant came."""
    spent = sum(min(one.left_minor, 0) for one in kiosk.state.float_held.grants)
    if spent < -kiosk.books.fell - kiosk.books.let_in:
        return f"{kiosk.id}: the float is passed by {-spent}"
    return ""


def of_import(world: "World", kiosk: Kiosk) -> str:
    """The office has a beginning of the kiosk's journal and nothing else, and its sums are those of just these rows."""
    if kiosk.betrayed:
        return ""
    batch, row, head = world.office.heads().get(kiosk.id, (0, 0, ""))
    rows = kiosk.journal._stored
    if row > kiosk.journal.written:
        return f"{kiosk.id}: the office has row {row}, and the kiosk has {kiosk.journal.written}"
    if row and rows[row - 1][8].hex() != head:
        return f"{kiosk.id}: the office has another row {row}"
    expected, found = kiosk.books.up_to(row), told_sums(world, kiosk.id)
    expected = replace(expected, claims=expected.claims - expected.settled, settled=0)
    if expected != found:
        return f"{kiosk.id}: after batch {batch} the office adds up {found}, the rows {expected}"
    return ""


def told_sums(world: "World", kiosk: str) -> Sums:
    """The office's sums of one kiosk, as far as that one told them itself: without claims that landed as only another kiosk says yet."""
    found = world.office.sums(kiosk)
    credited, deducted, claims = (value or 0 for value in world.office.raw().execute(UNTOLD, (kiosk,)).fetchone())
    return replace(found, credited=found.credited - credited, deducted=found.deducted - deducted, claims=found.claims - claims)


def filed(world: "World") -> str:
    """The rows that the office has of each kiosk are one chain from the store's first row to the head that it believes."""
    for kiosk, (_, row, head) in world.office.heads().items():
        if kiosk in world.office.damaged:
            world.filed.pop(kiosk, None)
            continue
        at, linked = world.filed.get(kiosk, (0, b""))
        if row < at:
            at = 0  # a backup was put back
        for values in world.office.rows(kiosk, at + 1):
            at += 1
            if not linked or at == 1:
                linked = origin(world.office.store_of(kiosk))
            linked = link(linked, line(values[:4], values[4:8]))
            if values[0] != at:
                return f"the office has row {values[0]} of {kiosk} after row {at - 1}"
        if (at, linked.hex() if at else "") != (row, head):
            return f"the office's rows of {kiosk} end with {at}, and its head is row {row}, or another one"
        world.filed[kiosk] = at, linked
    return ""


def of_ack(world: "World", ack: Ack) -> str:
    """Nothing is acknowledged that is not here, and nothing called durable that no backup has."""
    batch, _, head = world.office.heads().get(ack.kiosk, (0, 0, ""))
    if ack.contiguous_seq > batch or (ack.contiguous_seq == batch and batch and ack.head_hash != head):
        return f"{ack.kiosk}: batch {ack.contiguous_seq} is acknowledged, and the office has {batch}"
    if ack.durable_through > world.office.durable(ack.kiosk):
        return f"{ack.kiosk}: {ack.durable_through} is called durable, and the backup has {world.office.durable(ack.kiosk)}"
    if ack.hq_epoch != world.office.epoch:
        return f"{ack.kiosk}: acknowledged in epoch {ack.hq_epoch}, and this is {world.office.epoch}"
    return ""


def of_backup(world: "World", refused: str) -> str:
    """No backup is called one that has not each honest kiosk's own rows, and none of a sound store is refused."""
    damaged = [kiosk for name in sorted(world.office.damaged) if (kiosk := world.named(name)) and not kiosk.betrayed]
    if refused:
        return "" if world.office.damaged else f"a backup of a sound store is refused: {refused}"
    for kiosk in damaged:
        _, row, head = world.office.heads()[kiosk.id]
        own = [(*values[:4], values[4], *values[5:8]) for values in kiosk.journal._stored[:row]]
        if world.office.rows(kiosk.id, 1) != own or (own and kiosk.journal._stored[row - 1][8].hex() != head):
            return f"a backup is called good, and the rows of {kiosk.id} in it are not its own"
        return f"a backup is called good, and what was written in it beside the rows of {kiosk.id} is lost or another's"
    return ""


def of_home(world: "World", home: "Home") -> str:
    """A slot is credited once and in order; a value is credited once, in one slot."""
    counts = [credit.n for credit in home.credits]
    if counts != sorted(set(counts)):
        return f"meter {home.number} credited {counts}"
    for credit in home.credits:
        if (home.number, credit.n, credit.tag, credit.amount_minor) not in world.records:
            return f"meter {home.number} credited {credit}, which nobody paid for"
    seen: set[Value] = set()
    for n, value in world.money.credits(home.number):
        if value in seen:
            return f"{name_of(value)} is credited twice"
        if value in world.returned or not world.bank_has(value):
            return f"{name_of(value)} is credited, and the customer had the money back"
        if beyond := [each for each in world.money.ordered.get(value, ()) if each > n]:
            return f"{name_of(value)} is credited in slot {n}, and the office ordered it in slot {max(beyond)}"
        seen.add(value)
    return ""


def of_all(world: "World") -> str:
    """Everything, whether or not the step touched it."""
    for home in world.homes:
        if wrong := of_home(world, home):
            return wrong
    for kiosk in world.kiosks:
        if wrong := of_kiosk(world, kiosk):
            return wrong
    return filed(world)
