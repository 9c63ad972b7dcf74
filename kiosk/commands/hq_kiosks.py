"""`kiosk hq kiosks|work|state|close`: how each kiosk stands, what has to be looked at, and periods that are over."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq import Folder
from kiosk.commands.hq_staff import StaffSecret, one_of
from kiosk.commands.hq_store import AsJson, Database, both, now_ms

if TYPE_CHECKING:
    from kiosk.hq.kiosks import Standing


def list_kiosks(office: Folder, database: Database = "", *, json: AsJson = False) -> None:
    """How each kiosk stands: when it was heard last, how far its journal has come, what is missing, its float, versions and totals."""
    from kiosk.hq.kiosks import standings
    from kiosk.hq.store import StoreError

    _, store = both(office, database)
    try:
        found = standings(store)
    except StoreError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()
    if json:
        say(msgspec.json.encode(found))
    elif found:
        say("\n\n".join(told(standing, now_ms()) for standing in found))


def told(standing: "Standing", at_ms: int) -> str:
    """One kiosk in a few lines of at most 80 columns."""
    head = f"{standing.kiosk:8} {standing.state}, region {standing.region}"
    if not standing.seq:
        return f"{head}\n         never heard" + (f"; {len(standing.parked)} batches wait for its first" if standing.parked else "")
    lines = [
        head,
        f"heard    {_moment(standing.seen_ms)}, {_ago(at_ms - standing.seen_ms)} ago; made {_moment(standing.made_ms)}",
        f"head     batch {standing.seq}, row {standing.row_seq}; in the backup: batch {standing.durable_seq}",
    ]
    if standing.parked:
        lines.append(f"gap      batch {standing.seq + 1} is missing; {len(standing.parked)} wait: {_listed(standing.parked)}")
    if standing.work:
        lines.append(f"work     {standing.work} lines to look at: kiosk hq work")
    if standing.float_minor is not None:
        lines.append(f"float    {standing.float_minor} minor units left, by its last sale")
    versions = "  ".join(f"{kind} {epoch}.{version}" for kind, (epoch, version) in sorted(standing.applied.items()))
    lines.append(f"clock    {standing.clock}")
    lines.append(f"software {standing.software}" + (f"; {versions}" if versions else ""))
    lines += [f"totals   {line}" for line in _sums(standing.totals)]
    return "\n".join(lines)


def _sums(totals: dict[str, int]) -> list[str]:
    said = [f"{name.removesuffix('_minor')} {value}" for name, value in totals.items() if value]
    return ["  ".join(said[at : at + 4]) for at in range(0, len(said), 4)]


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _ago(ms: int) -> str:
    minutes = max(ms, 0) // 60_000
    return f"{minutes // 1440} d" if minutes >= 2880 else f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"


def _listed(seqs: tuple[int, ...]) -> str:
    return ", ".join(map(str, seqs[:5])) + (", ..." if len(seqs) > 5 else "")


def work(
    office: Folder,
    database: Database = "",
    *,
    done: Annotated[tuple[str, str, int] | None, typer.Option(help="Kiosk, what, number of a line that somebody has looked at.")] = None,
    staff_secret: StaffSecret = None,
    json: AsJson = False,
) -> None:
    """What somebody has to look at: two histories, files that nobody may believe, rows that break a rule."""
    from kiosk.hq.intake import worklist
    from kiosk.hq.store import StoreError

    opened, store = both(office, database)
    try:
        if done and not worklist.settle(store, *done, by=one_of(opened, store, staff_secret, "work.done"), now_ms=now_ms()):
            raise ended("There is no such line.", EXIT_REFUSED)
        lines = worklist.waiting(store)
    except StoreError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()
    if json:
        say(msgspec.json.encode(lines))
    for line in () if json else lines:
        say(f"{line.kiosk or '-':8} {line.what:10} {line.seq:>9}  {line.sentence}")


def state(
    kiosk: Annotated[str, typer.Argument(help="The kiosk's id.")],
    state: Annotated[str, typer.Argument(help="open, closed (its life is over) or revoked (its key is known to others).")],
    office: Folder,
    database: Database = "",
    accepted: Annotated[int | None, typer.Option(min=0, help="Of a revoked one: the last batch that is believed.")] = None,
) -> None:
    """Say whether anything new is taken in from a kiosk. One that is frozen by two histories opens again only so."""
    from kiosk.hq.intake.ledger import CLOSED, OPEN, REVOKED
    from kiosk.hq.kiosks import changed
    from kiosk.hq.store import StoreError

    if state not in (OPEN, CLOSED, REVOKED) or (state == REVOKED) != (accepted is not None):
        raise ended("A kiosk is open, closed, or revoked with --accepted NUMBER.", EXIT_USAGE)
    _, store = both(office, database)
    try:
        changed(store, kiosk, state, accepted)
    except StoreError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()
    say(f"{kiosk} is {state}.")


def close(
    period: Annotated[str, typer.Argument(help="A day, 2026-11-03, or a month, 2026-11: it and all before it.")],
    office: Folder,
    database: Database = "",
) -> None:
    """Close a day or month: its reports never change again. What arrives for it later is posted to the first open day, as late."""
    from kiosk.hq.intake.close import PeriodError, close_period, period_of
    from kiosk.hq.store import StoreError

    _, store = both(office, database)
    try:
        closed = close_period(store, period_of(period), now_ms=now_ms())
    except (PeriodError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()
    say(f"{period} is closed, {closed.sha256[:16]}.")


def join(hq_app: typer.Typer) -> None:
    """These commands, in the group `kiosk hq`."""
    hq_app.command("kiosks", epilog="Example: kiosk hq kiosks --office /srv/office")(list_kiosks)
    hq_app.command("work", epilog="Example: kiosk hq work --done K07 fork 12 --by anna --office /srv/office")(work)
    hq_app.command("state", epilog="Example: kiosk hq state K07 revoked --accepted 118 --office /srv/office")(state)
    hq_app.command("close", epilog="Example: kiosk hq close 2026-11 --office /srv/office")(close)
