"""`kiosk hq explain`: where money was and is, over everything that was imported, told by the same words as a kiosk's own."""

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq_money import Book, Folder, Vault
from kiosk.commands.hq_room import masters, room
from kiosk.commands.hq_store import AsJson, Database, now_ms
from kiosk.commands.vault import Module, SecretFile, Token

if TYPE_CHECKING:
    from kiosk.hq.settlement.history import Case
    from kiosk.vend.explain.says import Audience, Local, Section


def explain(
    asked: Annotated[str, typer.Argument(metavar="SALE|SLIP|CARD", help="16 hex digits, K07-000123-9F, K1:..., or a card's last digits.")],
    office: Folder,
    *,
    reader: Annotated[str, typer.Option("--for", help="customer | technician | auditor.")] = "technician",
    language: Annotated[str, typer.Option(help="A language that has a catalogue.")] = "en",
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Where the money was at each second and what proves it, by the rows of every kiosk that knows something; and what the office may do.

    Exit codes: 0 told; 1 no such case, or the paper is not what it says; 2 wrong call; 3 no vault; 4 the rows are not the signed ones.
    """
    from kiosk import words
    from kiosk.hq.settlement.history import Damaged, explained
    from kiosk.vend.explain.lookup import NoCase
    from kiosk.vend.explain.says import AUDIENCES

    audience = next((each for each in AUDIENCES if each == reader), None)
    if audience is None:
        raise ended(f"It is told to {', '.join(AUDIENCES)}, not to {reader}.", EXIT_USAGE)
    if language not in words.languages():
        raise ended(f"There is no catalogue for {language}; there are {', '.join(words.languages())}.", EXIT_USAGE)
    at_ms = now_ms()
    with room(office, store, registry, masters(vault, token, module, secret_file)) as opened:
        try:
            cases = opened.store.read(lambda connection: explained(connection, asked))
        except NoCase as why:
            raise ended(str(why), EXIT_REFUSED) from None
        except Damaged as error:
            raise ended(str(error), EXIT_DAMAGED) from None
        owed = opened.of_sales({(case.kiosk, sale) for case in cases for sale in case.found.sales}, at_ms) if audience != "customer" else []
    if as_json:
        said = [{"kiosk": case.kiosk, "stories": _stories(case, audience), "told": _told(case, audience, language)} for case in cases]
        say(msgspec.json.encode({"for": audience, "kiosks": said, "office": owed}))
        return
    texts = [f"{case.kiosk}\n\n{_text(_told(case, audience, language))}" for case in cases]
    if owed:
        texts.append("The office\n\n" + "\n\n".join(owed))
    say("\n\n\n".join(texts))


def _stories(case: "Case", audience: "Audience") -> list[dict[str, Any]]:
    from kiosk.commands.explain import shown
    from kiosk.vend.explain.says import masked
    from kiosk.vend.explain.telling import story

    found = [each for sale in case.found.sales if (each := story(case.found.rows, sale, case.kiosk))]
    return [shown(masked(each, audience), audience) for each in found]


def _told(case: "Case", audience: "Audience", language: str) -> "list[tuple[Section, ...]]":
    from kiosk.vend.explain.says import told, visited
    from kiosk.vend.explain.telling import story
    from kiosk.vend.explain.visits import visits

    local = _local(case.zone)
    found = [each for sale in case.found.sales if (each := story(case.found.rows, sale, case.kiosk))]
    texts = [told(each, audience, language, local) for each in found]
    others = visits(case.found.rows, case.found.card) if case.found.card else ()
    if others:
        texts.append((visited(others, case.found.card, audience, language, local=local, exponent=case.exponent),))
    return texts


def _text(told: "list[tuple[Section, ...]]") -> str:
    from kiosk.commands.explain import section_text

    return "\n\n\n".join("\n\n".join(section_text(section) for section in sections) for sections in told)


def _local(zone: str) -> "Local":
    """The kiosk's own wall time, by the offset of its last sale; UTC where that is none."""
    try:
        minutes = int(f"{zone[0]}1") * (int(zone[1:3]) * 60 + int(zone[3:5]))
        there = timezone(timedelta(minutes=minutes))
    except (ValueError, IndexError):
        there = timezone.utc  # noqa: UP017 - beside `timezone`
    return lambda at_ms: datetime.fromtimestamp(at_ms / 1000, there)
