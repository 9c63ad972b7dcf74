"""`kiosk journal verify`: read the whole store again and say whether every row is as it was written."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from kiosk.commands import say

REFUSED, NO_STATION, DAMAGED, FORGED = 1, 3, 4, 7


def verify(
    *,
    store: Annotated[Path, typer.Option(help="The store's file.")] = Path("/var/lib/kiosk/store.db"),
    station: Annotated[Path, typer.Option(help="The station store that holds its key.")] = Path("/var/lib/kiosk/station.json"),
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Check every page, every row and every head signature; the kiosk may be running.

    Example: kiosk journal verify --store DIR/kiosks/K07/store.db --station DIR/kiosks/K07/station.json

    Exit codes: 0 all is as it was written; 1 this file may not be used; 2 wrong call; 3 no station store; 4 the store is damaged;
    7 the chain was made anew by someone who has the key.
    """
    from kiosk.devices.vault.station import StationError, open_station
    from kiosk.envelope import holds
    from kiosk.vend.journal import Finding, Journal
    from kiosk.vend.store import StoreDamaged, StoreError

    try:
        keys = open_station(station)
        with Journal.open(store, keys.database_key(), create=False, read_only=True) as opened:
            finding = opened.verify(
                lambda message, signature: holds(keys.public_key, "head", message, signature), _progress(opened.head()[0])
            )
    except StationError as error:
        _end(str(error), NO_STATION)
    except StoreDamaged as error:
        finding = Finding(0, "", 0, error.seq or 1, str(error))
    except StoreError as error:
        _end(str(error), REFUSED)
    if json:
        say(msgspec.json.encode({"journal": "ok" if finding.bad_seq is None else finding.bad_seq, **msgspec.structs.asdict(finding)}))
    elif finding.bad_seq is None:
        say(f"{finding.rows} rows, each as it was written; {finding.signed} head signatures hold. Head {finding.head}")
    if finding.bad_seq is not None:
        _end(
            f"Row {finding.bad_seq}: {finding.why}. Keep this file as it is and tell the head office.",
            FORGED if finding.forged else DAMAGED,
        )


def _end(sentence: str, code: int) -> NoReturn:
    say(sentence, err=True)
    raise typer.Exit(code)


def _progress(rows: int) -> Callable[[int], None] | None:
    """A line that counts, where a person watches and the journal is long."""
    if rows < 100_000 or not sys.stderr.isatty():
        return None

    def show(seq: int) -> None:
        end = "\n" if seq >= rows else ""
        sys.stderr.write(f"\r{seq * 100 // rows} % of {rows} rows{end}")
        sys.stderr.flush()

    return show
