"""`kiosk hq approve`: what one person proposed, and another one releases or refuses.

Exit codes: 0 done, 1 refused, 2 wrong call, 3 no vault.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, ended, say
from kiosk.commands.hq_money import Book, Folder, OtherSite, Vault, other_site
from kiosk.commands.hq_room import Room, masters, room
from kiosk.commands.hq_staff import StaffSecret
from kiosk.commands.hq_store import AsJson, Database, now_ms
from kiosk.commands.vault import Module, SecretFile, Token, opened

if TYPE_CHECKING:
    from kiosk.devices.vault.hq import MasterVault
    from kiosk.hq.people.approvals import Approval
    from kiosk.hq.people.staff import Acting

approve_app = typer.Typer(no_args_is_help=True, help="What one person proposed and another one releases.")

Number = Annotated[int, typer.Argument(help="The proposal's number.", min=1)]


@approve_app.command("list", epilog="Example: kiosk hq approve list --office /srv/office")
def list_(
    office: Folder,
    *,
    whole: Annotated[bool, typer.Option("--all", help="Also what was released or refused, or has ended.")] = False,
    store: Database = "",
    as_json: AsJson = False,
) -> None:
    """Say what waits for a second person."""
    with room(office, store, None, None) as opened_room:
        found = opened_room.approvals.listed(now_ms(), whole=whole)
    if as_json:
        say(msgspec.json.encode(found))
        return
    for each in found:
        say(_line(each))
    say(f"{len(found)} proposals.", err=True)


@approve_app.command("show", epilog="Example: kiosk hq approve show 7 --office /srv/office")
def show(number: Number, office: Folder, *, store: Database = "", as_json: AsJson = False) -> None:
    """Show a proposal as the first person saw it: whoever releases it signs just this."""
    with room(office, store, None, None) as opened_room:
        found = opened_room.approvals.find(number)
    if as_json:
        say(msgspec.json.encode(found))
        return
    say(_line(found))
    for name, value in found.deed.body.items():
        if value != "":
            say(f"  {name}: {value}")
    say(f"What {found.first} saw:")
    say(found.shown)


@approve_app.command("release", epilog="Example: kiosk hq approve release 7 --office /srv/office --vault vault.json")
def release(
    number: Number,
    office: Folder,
    *,
    staff_secret: StaffSecret = None,
    off_site: OtherSite = "",
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign what another person proposed; then it is done. A proposal of your own is released by somebody else."""
    from kiosk.hq.settlement.deciding import MOVE

    with room(office, store, registry, masters(vault, token, module, secret_file)) as opened_room:
        found = opened_room.approvals.find(number)
        keys = opened_room.keys
        if found.deed.kind == MOVE and keys is None:
            keys = opened(vault, token, module, secret_file)  # says which is missing
        _done(opened_room, found, opened_room.acting(staff_secret), keys, off_site, as_json=as_json)


def _done(here: Room, found: "Approval", who: "Acting", keys: "MasterVault | None", off_site: str, *, as_json: bool) -> None:
    from kiosk.commands.hq_order import told_order
    from kiosk.hq.orders.book import Orders
    from kiosk.hq.report.counting import COUNTED, Counting
    from kiosk.hq.settlement.deciding import CLOSE, MOVE, Closer, Desk
    from kiosk.hq.settlement.papers import REMOVE, Removals

    kind, number, value = found.deed.kind, found.no, found.deed.value
    if kind == MOVE and keys is not None:
        orders = Orders(here.store, keys, other_site(off_site, here.store, here.office.folder), cards=here.book)
        decided = Desk(here.store, here.cases, here.approvals, orders, here.book.of_card).release(number, who, now_ms())
        if decided.made:
            told_order(decided.made, as_json=as_json)
            return
        raise ended(f"It was not released; see: kiosk hq approve list, kiosk hq settle show {value}", EXIT_REFUSED)
    if kind == CLOSE:
        Closer(here.store, here.cases, here.approvals).release_close(number, who, now_ms())
        said = f"{value} is closed."
    elif kind == REMOVE:
        meter, count = Removals(here.store, here.approvals, here.cases.known).release(number, who, now_ms())
        said = f"Meter {meter} was taken away with count {count}."
    elif kind == COUNTED:
        new, bags = Counting(here.store, here.approvals).release(number, who, now_ms())
        said = f"{new} of {bags} counts are new."
    else:
        raise ended(f"This software cannot do {kind}. Update first.", EXIT_REFUSED)
    say(msgspec.json.encode({"released": number, "kind": kind, "value": value}) if as_json else said)


@approve_app.command("refuse", epilog='Example: kiosk hq approve refuse 7 --why "the box says otherwise" --office /srv/office')
def refuse(
    number: Number,
    office: Folder,
    *,
    why: Annotated[str, typer.Option(help="What the table should say beside it.")] = "",
    staff_secret: StaffSecret = None,
    store: Database = "",
) -> None:
    """Say no to a proposal, or take your own back."""
    with room(office, store, None, None) as opened_room:
        opened_room.approvals.refuse(number, opened_room.acting(staff_secret), now_ms(), why)
    say(f"Proposal {number} is refused.")


def _line(each: "Approval") -> str:
    from kiosk.hq.people.approvals import PROPOSAL_MS

    state = each.standing(now_ms())
    ends = f"until {_moment(each.deed.at_ms + PROPOSAL_MS)}" if state == "open" else f"{state} {each.second}".rstrip()
    why = f": {each.why}" if each.why else ""
    return f"{each.no:>5}  {each.deed.kind:16}  {each.deed.value:<26}  by {each.first}, {_moment(each.deed.at_ms)}, {ends}{why}"


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M}"
