"""`kiosk explain`: where the money of a sale was and is, from the journal alone."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say

if TYPE_CHECKING:
    from kiosk.config import Config
    from kiosk.vend.explain.lookup import Found
    from kiosk.vend.explain.says import Audience, Section
    from kiosk.vend.explain.values import Story
    from kiosk.vend.rules import Rules


def explain(
    asked: Annotated[str, typer.Argument(metavar="SALE|SLIP|CARD", help="16 hex digits, K07-000123-9F, K1:..., or a card's last digits.")],
    *,
    reader: Annotated[str, typer.Option("--for", help="customer | technician | auditor.")] = "technician",
    language: Annotated[str, typer.Option(help="A language that has a catalogue; without it the screen's.")] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output instead of text.")] = False,
    config: Annotated[Path | None, typer.Option("--config", help="kiosk.toml")] = None,
) -> None:
    """Where the money was at each second, what proves it, what happens next and who must act. The kiosk may be running.

    Example: kiosk explain K07-000123-9F --for customer --config /var/lib/kiosk/kiosk.toml

    Exit codes: 0 told; 1 no such case, or the paper is not what it says; 2 wrong call or configuration; 3 no store or station store;
    4 the store is damaged.
    """
    from kiosk import words
    from kiosk.config import ConfigError, config_path, load
    from kiosk.core import rules_of
    from kiosk.vend.explain.says import AUDIENCES

    try:
        loaded = load(config or config_path())
    except ConfigError as error:
        raise ended(str(error), EXIT_USAGE) from None
    audience = next((each for each in AUDIENCES if each == reader), None)
    if audience is None:
        raise ended(f"It is told to {', '.join(AUDIENCES)}, not to {reader}.", EXIT_USAGE)
    rules = rules_of(loaded)
    spoken = language or rules.language
    if spoken not in words.languages():
        raise ended(f"There is no catalogue for {spoken}; there are {', '.join(words.languages())}.", EXIT_USAGE)
    _put_out(_found(loaded, asked), rules, audience, spoken, json=json)


def _found(config: "Config", asked: str) -> "Found":
    from kiosk.devices.vault.station import StationError, open_station
    from kiosk.envelope import holds
    from kiosk.vend.explain.lookup import NoCase, find
    from kiosk.vend.journal import Journal
    from kiosk.vend.store import StoreDamaged, StoreError

    try:
        station = open_station(config.store.station)
        with Journal.open(config.store.path, station.database_key(), create=False, read_only=True) as journal:
            return find(journal, asked, config.kiosk.id, partial(holds, station.public_key))
    except NoCase as why:
        raise ended(str(why), EXIT_REFUSED) from None
    except StoreDamaged as error:
        raise ended(str(error), EXIT_DAMAGED) from None
    except (StationError, StoreError) as error:
        raise ended(str(error), EXIT_MISSING) from None


def _put_out(found: "Found", rules: "Rules", audience: "Audience", language: str, *, json: bool) -> None:
    from kiosk.vend.explain.says import masked, told, visited
    from kiosk.vend.explain.telling import story
    from kiosk.vend.explain.visits import visits

    stories = [each for sale in found.sales if (each := story(found.rows, sale, rules.kiosk))]
    texts = [told(each, audience, language, rules.local) for each in stories]
    if found.card:
        others = visits(found.rows, found.card)
        texts += [(visited(others, found.card, audience, language, local=rules.local, exponent=rules.currency.exponent),)] if others else []
    if json:
        said: dict[str, Any] = {"kiosk": rules.kiosk, "for": audience}
        said |= {"stories": [shown(masked(each, audience), audience) for each in stories], "told": texts}
        say(msgspec.json.encode(said))
        return
    say("\n\n\n".join("\n\n".join(section_text(section) for section in sections) for sections in texts))


def shown(story: "Story", audience: "Audience") -> dict[str, Any]:
    """A story for a program. Hashes are the auditor's."""
    said: dict[str, Any] = msgspec.to_builtins(story)
    if audience != "auditor":
        for each in said["episodes"]:
            del each["hash"]
    return said


def section_text(section: "Section") -> str:
    """A section as lines: its heading, and below it what it says."""
    title = [section.title] if section.title else []
    indent = "  " if section.title else ""
    return "\n".join([*title, *(indent + line for line in section.lines)])
