"""`kiosk bench`: how fast, how much, measured here and now."""

from typing import Annotated

import typer

from kiosk.commands import EXIT_REFUSED, EXIT_USAGE, ended, say


def bench(
    json: Annotated[bool, typer.Option("--json", help="A JSON list of rows on standard output.")] = False,
    only: Annotated[str, typer.Option("--only", metavar="NAME", help="This row alone.")] = "",
) -> None:
    """Measure this machine against the aims; about four minutes. Example: kiosk bench --only fsyncs_per_sale.

    Exit code 0 whatever was measured: a figure depends on the machine. 1 where a row is broken, 2 for a row that does not exist.
    """
    import traceback

    import msgspec

    from kiosk.bench import table
    from kiosk.bench.rows import ROWS

    if only and only not in ROWS:
        raise ended(f"There is no row {only}. There are: {', '.join(ROWS)}.", EXIT_USAGE)
    broken = []

    def broke(name: str, fault: Exception) -> None:
        broken.append(name)
        say("".join(traceback.format_exception(fault)), err=True)

    figures = table.run(ROWS, only, lambda name: say(f"measuring {name}", err=True), broke)
    say(msgspec.json.format(msgspec.json.encode(figures), indent=2) if json else table.as_table(figures))
    if broken:
        raise ended(f"Broken: {', '.join(broken)}.", EXIT_REFUSED)
