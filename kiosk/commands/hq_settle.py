"""`kiosk hq settle`: money that is paid and not credited. What there is, what is known of it, and the order that gives it back.

Exit codes: 0 done, 1 refused, or an alarm; 2 wrong call; 3 no vault; 8 another person has to release it.
"""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq_money import Book, Folder, OtherSite, Vault, other_site
from kiosk.commands.hq_room import masters, room
from kiosk.commands.hq_staff import StaffSecret, acting, people_of
from kiosk.commands.hq_store import AsJson, Database, both, now_ms
from kiosk.commands.vault import Module, SecretFile, Token, opened

if TYPE_CHECKING:
    from kiosk.hq.people.approvals import Approval
    from kiosk.hq.settlement.burned import Found

settle_app = typer.Typer(no_args_is_help=True, help="Money that is paid and not credited: claims, slips, late orders, cash of no sale.")

EXIT_SECOND = 8
CASES_SHOWN = 500

Asked = Annotated[
    str, typer.Argument(metavar="CASE", help="As the list names it (K07/SALE), a paper (K07-000123), a card's or meter's digits.")
]
Note = Annotated[str, typer.Option(help="What the audit should say beside it.")]


@settle_app.command("list", epilog="Example: kiosk hq settle list --office /srv/office --vault vault.json")
def list_(
    office: Folder,
    *,
    whole: Annotated[bool, typer.Option("--all", help="Also what needs nobody any more.")] = False,
    kiosk: Annotated[str, typer.Option(help="Only this kiosk's.")] = "",
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what is paid and not credited, how old it is, what comes next and who must act. Without a vault fewer proofs are seen."""
    from kiosk.hq.settlement import told
    from kiosk.hq.settlement.rule import way

    at_ms = now_ms()
    with room(office, store, registry, masters(vault, token, module, secret_file)) as opened_room:
        ways = [(case, way(case, at_ms)) for case in opened_room.cases.all(at_ms, whole=whole) if kiosk in ("", case.kiosk)]
    ways = [(case, chosen) for case, chosen in ways if whole or chosen.who != "nobody"]
    if as_json:
        say(msgspec.json.encode([{"case": case, "way": chosen} for case, chosen in ways]))
        return
    if ways:
        say(told.heads())
    for case, chosen in ways[:CASES_SHOWN]:
        say(told.line(case, chosen, at_ms))
    say(told.summed([case for case, chosen in ways if chosen.who != "nobody"]), err=True)
    if len(ways) > CASES_SHOWN:
        say(f"{len(ways) - CASES_SHOWN} more are not shown: ask with --kiosk or --json.", err=True)


@settle_app.command("show", epilog="Example: kiosk hq settle show K07-000123 --office /srv/office --vault vault.json")
def show(
    asked: Asked,
    office: Folder,
    *,
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the evidence of one case, what follows from it, and what was decided before."""
    from kiosk.hq.settlement import told
    from kiosk.hq.settlement.deciding import decisions, vouched
    from kiosk.hq.settlement.rule import way

    at_ms = now_ms()
    with room(office, store, registry, masters(vault, token, module, secret_file)) as opened_room:
        for case in opened_room.asked(asked, at_ms):
            chosen, known, before = way(case, at_ms), opened_room.cases.known(case.meter), decisions(opened_room.store, case.value)
            if as_json:
                say(msgspec.json.encode({"case": case, "way": chosen, "known": known, "decisions": before}))
                continue
            say("\n".join(told.shown(case, chosen, known, at_ms)))
            for each in before:
                order = f", order {each.order_name}" if each.order_name else ""
                by = f"{each.what} by {each.who} ({each.login}), {vouched(opened_room.people, each)}"
                say(f"  {told.moment(each.at_ms)}  {by}, slot {each.n}{order}. {each.note}".rstrip())


@settle_app.command("make", epilog="Example: kiosk hq settle make K07-000123 --office /srv/office --vault vault.json")
def make(
    asked: Asked,
    office: Folder,
    *,
    note: Note = "",
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
    """Order the money where the rule allows it. What is for two people is proposed, and another person releases it: kiosk hq approve"""
    from kiosk.commands.hq_order import told_order
    from kiosk.hq.orders.book import Orders
    from kiosk.hq.settlement.deciding import Desk

    at_ms, keys = now_ms(), opened(vault, token, module, secret_file)
    with room(office, store, registry, keys) as opened_room:
        (case,) = opened_room.asked(asked, at_ms, one=True)
        orders = Orders(opened_room.store, keys, other_site(off_site, opened_room.store, office), cards=opened_room.book)
        desk = Desk(opened_room.store, opened_room.cases, opened_room.approvals, orders, opened_room.book.of_card)
        decided = desk.decide(case.value, opened_room.acting(staff_secret), at_ms, note=note)
    if decided.made:
        told_order(decided.made, as_json=as_json)
        return
    raise waits(decided.proposed, as_json=as_json)


@settle_app.command("paper", epilog="Example: kiosk hq settle paper K1:AEBE... --office /srv/office")
def paper(
    code: Annotated[str, typer.Argument(help="The text of a slip's or receipt's code, as a scanner reads it.")],
    office: Folder,
    *,
    staff_secret: StaffSecret = None,
    store: Database = "",
    as_json: AsJson = False,
) -> None:
    """Take in a slip or receipt that somebody brought: its kiosk's signature is checked, and twice is once."""
    from contextlib import closing

    from kiosk.hq.people.staff import StaffError
    from kiosk.hq.settlement.papers import BRING, bring
    from kiosk.hq.store import StoreError
    from kiosk.vend.evidence import NotGenuine

    opened_office, held = both(office, store)
    with closing(held):
        who = acting(opened_office, held, staff_secret)
        try:
            people_of(opened_office, held).checked(who, BRING)
            brought = bring(held, code, who.id, now_ms())
        except (NotGenuine, StaffError, StoreError) as error:
            raise ended(str(error), EXIT_REFUSED) from None
    if as_json:
        say(msgspec.json.encode(brought))
        return
    known = "" if brought.anew else " It was here before."
    about = f" See: kiosk hq settle show {brought.value}" if brought.value else ""
    say(f"Genuine: {brought.paper.kiosk}-{brought.paper.number:06d}.{known}{about}")


@settle_app.command("removed", epilog="Example: kiosk hq settle removed 000012345678 --count 7 --office /srv/office")
def removed(
    meter: Annotated[str, typer.Argument(help="The meter's number, 12 digits.")],
    office: Folder,
    *,
    count: Annotated[int, typer.Option(min=0, help="Its last purchase count, as two people read it.")],
    staff_secret: StaffSecret = None,
    store: Database = "",
    registry: Book = None,
    as_json: AsJson = False,
) -> None:
    """Say that a meter was taken away: what it has not taken, it never will. Another person, who has read the count too, releases it."""
    from kiosk.hq.settlement.papers import Removals

    with room(office, store, registry, None) as opened_room:
        removals = Removals(opened_room.store, opened_room.approvals, opened_room.cases.known)
        proposed = removals.propose(meter, count, opened_room.acting(staff_secret), now_ms())
    raise waits(proposed, as_json=as_json)


@settle_app.command("close", epilog='Example: kiosk hq settle close "K07#311" --note "given out, receipt 88"')
def close(
    asked: Asked,
    office: Folder,
    *,
    note: Note,
    staff_secret: StaffSecret = None,
    store: Database = "",
    registry: Book = None,
    as_json: AsJson = False,
) -> None:
    """Say what became of cash that no sale explains. Another person releases it."""
    from kiosk.hq.settlement.deciding import Closer

    with room(office, store, registry, None) as opened_room:
        closer = Closer(opened_room.store, opened_room.cases, opened_room.approvals)
        proposed = closer.close(asked, opened_room.acting(staff_secret), now_ms(), note=note)
    raise waits(proposed, as_json=as_json)


@settle_app.command("stranded", epilog="Example: kiosk hq settle stranded 000012345678 --office /srv/office --vault vault.json")
def stranded(
    meter: Annotated[str, typer.Argument(help="The meter's number, 12 digits.")],
    office: Folder,
    *,
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Say which purchases a new card for this meter would leave uncredited. Settle them before the card is replaced.

    Exit codes: 0 none; 1 there are some.
    """
    from kiosk.hq.settlement import told

    at_ms = now_ms()
    with room(office, store, registry, masters(vault, token, module, secret_file)) as opened_room:
        cases = opened_room.cases.stranded(meter, at_ms)
    if as_json:
        say(msgspec.json.encode(cases))
    else:
        say("\n".join(told.left_behind(case) for case in cases) or "None: the new card carries what is not in the meter yet.")
    if cases:
        raise typer.Exit(EXIT_REFUSED)


@settle_app.command("alarms", epilog="Example: kiosk hq settle alarms --office /srv/office")
def alarms(office: Folder, *, store: Database = "", as_json: AsJson = False) -> None:
    """Look over all new rows for counts that repeat, go back or have a gap, for paper numbers and for acceptors' counters.

    Exit codes: 0 nothing new; 1 something new is on the worklist (kiosk hq work).
    """
    from contextlib import closing

    from kiosk.hq.settlement.alarms import watch
    from kiosk.hq.store import StoreError

    _, held = both(office, store)
    with closing(held):
        try:
            found = watch(held, now_ms())
        except StoreError as error:
            raise ended(str(error), EXIT_REFUSED) from None
    if as_json:
        say(msgspec.json.encode([alarm._asdict() for alarm in found]))
    else:
        say("\n".join(f"{alarm.kiosk} row {alarm.seq}: {alarm.what}: {alarm.sentence}" for alarm in found) or "Nothing new.")
    if found:
        raise typer.Exit(EXIT_REFUSED)


@settle_app.command("burned", epilog="Example: kiosk hq settle burned K07 --box notes=1240.00:31 --counter notes=4711 --office /srv/office")
def burned(
    kiosk: Annotated[str, typer.Argument(help="The kiosk that is gone.")],
    office: Folder,
    *,
    box: Annotated[list[str] | None, typer.Option(help="What was found in a box: notes=1240.00:31, money and pieces.")] = None,
    counter: Annotated[list[str] | None, typer.Option(help="What an acceptor says that it took in its life: notes=4711.")] = None,
    store: Database = "",
    registry: Book = None,
    as_json: AsJson = False,
) -> None:
    """Say what money of a kiosk that is gone is accounted for by what: rows, slips, receipts, cards, counters and boxes."""
    from kiosk.hq.settlement import told
    from kiosk.hq.settlement.burned import NoSuchMachine, exponent_of
    from kiosk.hq.settlement.burned import burned as left_of

    with room(office, store, registry, None) as opened_room:
        try:
            report = left_of(
                opened_room.store,
                opened_room.cases,
                kiosk,
                _found(box or [], counter or [], exponent_of(opened_room.store, kiosk)),
                now_ms(),
            )
        except NoSuchMachine as error:
            raise ended(str(error), EXIT_REFUSED) from None
    if as_json:
        sums = {"after_minor": report.after_minor, "named_minor": report.named_minor, "unexplained_minor": report.unexplained_minor}
        say(msgspec.json.encode(msgspec.to_builtins(report) | sums))
        return
    say("\n".join(told.gone(report)))


def _found(boxes: list[str], counters: list[str], exponent: int) -> "dict[str, Found]":
    """Of the options. Ends with one sentence."""
    from decimal import Decimal, InvalidOperation

    from kiosk.hq.settlement.burned import Found
    from kiosk.vend.till import CASH

    found: dict[str, Found] = {}
    for option in boxes + counters:
        device, _, said = option.partition("=")
        money, _, pieces = said.partition(":")
        before = found.get(device, Found())
        try:
            if device not in CASH:
                raise ValueError
            if option in boxes:
                minor = Decimal(money).scaleb(exponent)
                if minor != minor.to_integral_value() or not 0 <= minor < 1 << 53:
                    raise ValueError
                found[device] = msgspec.structs.replace(before, minor=int(minor), pieces=int(pieces))
            else:
                found[device] = msgspec.structs.replace(before, accepted=int(said))
        except (InvalidOperation, ValueError, OverflowError):
            raise ended(f"{option} is not like notes=1240.00:31 for a box, or notes=4711 for a counter.", EXIT_USAGE) from None
    return found


def waits(proposed: "Approval | None", *, as_json: bool) -> typer.Exit:
    """What one person proposed, said; the caller raises what this gives."""
    if proposed is None:
        return typer.Exit(EXIT_REFUSED)
    if as_json:
        say(msgspec.json.encode({"proposal": proposed.no, "value": proposed.deed.value, "first": proposed.first}))
    begun = f"{proposed.deed.value} is for two people: {proposed.first} has proposed it, and another person releases it"
    return ended(f"{begun}: kiosk hq approve show {proposed.no}, then: kiosk hq approve release {proposed.no}", EXIT_SECOND)
