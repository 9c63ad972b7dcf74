"""`kiosk hq serve`: the head office's door for kiosks, over HTTPS."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq import Folder
from kiosk.commands.hq_store import Database, both, now_ms

PerAddress = Annotated[
    int, typer.Option("--per-address", min=1, max=256, help="Connections of one address that have not shown who they are.")
]


def serve(
    office: Folder,
    database: Database = "",
    *,
    bag: Annotated[Path | None, typer.Option("--bag", help="The mail bag with downlink/; the office's own if left out.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "0.0.0.0",  # noqa: S104 - a door is for those outside
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8443,
    certificate: Annotated[Path | None, typer.Option(help="The server's certificate and those above it, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    client_ca: Annotated[Path | None, typer.Option("--client-ca", help="Serve only kiosks with a certificate of this CA.")] = None,
    per_address: PerAddress = 64,
) -> None:
    """Take in batches and hand out the downlink, until it is stopped. Without a certificate it serves in the clear, on this machine only.

    Exit codes: 0 stopped; 1 refused; 2 wrong call; 3 the address cannot be listened on.
    """
    from kiosk.hq.intake.current import Current
    from kiosk.hq.intake.ingest import ingest
    from kiosk.hq.intake.letters import take
    from kiosk.hq.office import OfficeError
    from kiosk.hq.serving import Certificate, limits, listening, server
    from kiosk.hq.store import StoreError

    if (certificate is None) != (key is None):
        raise ended("A certificate and its key come together: --certificate and --key.", EXIT_USAGE)
    if certificate is None and host not in ("127.0.0.1", "::1"):
        raise ended(
            "Without --certificate and --key it serves this machine only: --host 127.0.0.1, behind a proxy that has them.", EXIT_USAGE
        )
    alone()
    opened, store = both(office, database)
    try:
        current = Current(opened.folder, store)
        app = ingest(lambda raw: take(current.importer(), raw, now_ms()), bag or opened.folder)
        tls = Certificate(certificate, key, client_ca) if certificate and key else None
        door = server(app, tls)
        listener = listening(host, port, limits(tls, per_address))
        say(f"Kiosks may knock at {host}:{listener.getsockname()[1]}.", err=True)
        sys.stderr.flush()
        door.run(sockets=[listener])
    except (OfficeError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    except OSError as error:
        raise ended(f"It cannot serve there: {error.strerror or error}.", EXIT_MISSING) from None
    finally:
        store.close()


def alone() -> None:
    """No core file, and no other process of this user, sees the memory of this one, which holds keys. Ends with one sentence."""
    from kiosk.commands.running import CannotRun, keep_to_itself

    try:
        keep_to_itself()
    except CannotRun as why:
        raise ended(str(why), why.code) from None


def join(hq_app: typer.Typer) -> None:
    """This command, in the group `kiosk hq`."""
    example = "Example: kiosk hq serve --certificate hq.pem --key hq.key --office /srv/office"
    hq_app.command("serve", epilog=example)(serve)
