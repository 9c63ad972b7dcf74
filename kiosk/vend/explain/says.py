"""Story -> sentences, for a customer, a technician or an auditor, in a language. Whoever reads them needs nothing else.

A customer sees the tail of the card and no numbers of rows; only an auditor sees a whole serial, the rows and their hashes.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from kiosk import words
from kiosk.vend import damm, outage
from kiosk.vend.explain.values import Counted, Episode, Holding, Params, Place, Story, Visit

Audience = Literal["customer", "technician", "auditor"]
AUDIENCES: tuple[Audience, ...] = ("customer", "technician", "auditor")
HASH_HEX = 16  # of a row's hash: the length that a slip carries of the chain's head

Local = Callable[[int], datetime]
"""Epoch ms -> wall time of the kiosk's zone: `Rules.local`."""


class Section(msgspec.Struct, frozen=True):
    """A heading and its lines, in the order in which they are read."""

    title: str
    lines: tuple[str, ...]


def masked(story: Story, audience: Audience) -> Story:
    """What this reader may see of it."""
    if audience == "auditor":
        return story
    meter = f"..{story.meter[-4:]}" if audience == "customer" else story.meter
    return replace(story, card=f"..{story.card[-4:]}", meter=meter)


def told(story: Story, audience: Audience, language: str, local: Local) -> tuple[Section, ...]:
    """The whole story. The first section is its head: sale, paper, card, meter, money."""
    return _Teller(audience, language, local, masked(story, audience)).sections()


def visited(visits: Sequence[Visit], card: str, audience: Audience, language: str, *, local: Local, exponent: int) -> Section:
    """What came of a card's other visits."""
    speaker = _Speaker(audience, language, local, exponent)
    shown = card if audience == "auditor" else f"..{card[-4:]}"
    lines = []
    for visit in visits:
        key = visit.key if words.known(f"explain.{speaker.tables[-1]}.visit.{visit.key}") else "none"
        said = speaker.rowed(speaker.say("visit", key, **visit.params), visit.seq, visit.kind, visit.hash)
        lines.append(f"{speaker.when(visit.at_ms)}  {said}")
    return Section(words.text(language, "explain.visits", card=shown), tuple(lines))


class _Speaker:
    """Keys and values -> one sentence for one reader; an auditor is told what a technician is told, where there is nothing of their own."""

    def __init__(self, audience: Audience, language: str, local: Local, exponent: int) -> None:
        self.audience, self.language, self.local, self.exponent = audience, language, local, exponent
        self.tables = ("auditor", "technician") if audience == "auditor" else (audience,)

    def say(self, part: str, key: str, **params: str | int) -> str:
        """The sentence; "" where a customer is not told. A row that a technician could not be told is an error of ours: KeyError."""
        names = [f"explain.{table}.{part}.{key}" for table in self.tables]
        name = next(filter(words.known, names), "" if self.audience == "customer" else names[-1])
        return words.text(self.language, name, **self.filled(params)) if name else ""

    def filled(self, params: Params) -> Params:
        """Values as people read them: money in the language's form, purchase counts with their check digit."""
        found: Params = {}
        for name, value in params.items():
            if isinstance(value, int) and name.endswith("_minor"):
                found[name.removesuffix("_minor")] = words.money(self.language, value, self.exponent)
            elif isinstance(value, int) and name.endswith("purchase"):
                found[name] = damm.purchase_number(value)
            else:
                found[name] = self.named(name, value)
            if name == "device":
                found["costs"] = words.text(self.language, outage.of(str(value)).costs)
        return found

    def named(self, name: str, value: str | int) -> str | int:
        """The language's word, where there is one: yes and no, the devices."""
        tables = {"authentic": ("explain",), "fits": ("explain",), "device": ("paper.day", "staff.device")}.get(name, ())
        key = next((f"{table}.{value}" for table in tables if words.known(f"{table}.{value}")), "")
        return words.text(self.language, key) if key else value

    def when(self, at_ms: int) -> str:
        """`24 Nov 14:31:07`."""
        moment = self.local(at_ms)
        return f"{words.day(self.language, moment)} {moment:%H:%M:%S}"

    def rowed(self, sentence: str, seq: int, kind: str, row_hash: str) -> str:
        """With where it stands in the journal, for an auditor."""
        if self.audience != "auditor":
            return sentence
        return words.text(self.language, "explain.row", sentence=sentence, seq=seq, kind=kind, hash=row_hash[:HASH_HEX])


class _Teller(_Speaker):
    """One story for one reader."""

    def __init__(self, audience: Audience, language: str, local: Local, story: Story) -> None:
        super().__init__(audience, language, local, story.exponent)
        self.of = story
        doubt = sum(each.amount_minor for each in story.holdings if each.place == Place.UNKNOWN)
        self.params: Params = {
            **story.params, "card": story.card, "meter": story.meter, "purchase_n": story.n, "before_n": story.n - 1,
            "paper": self.paper(), "doubt_minor": doubt, "owed_minor": story.tender_minor,
        }  # fmt: skip

    def sections(self) -> tuple[Section, ...]:
        found = (
            Section("", self.head()),
            self.section("now", (self.holding(each) for each in self.of.holdings)),
            self.section("was", (self.episode(each) for each in self.of.episodes)),
            self.section("proof", self.proof()),
            self.section("change", (self.line("change", key) for key in self.of.changes)),
            self.section("rule", (self.line("rule", key) for key in self.of.rules)),
            self.section("next", (self.step(step.who, step.key) for step in self.of.next)),
        )
        return tuple(section for section in found if section.lines)

    def section(self, title: str, lines: Iterator[str]) -> Section:
        return Section(words.text(self.language, f"explain.{title}"), tuple(line for line in lines if line))

    def line(self, part: str, key: str, **params: str | int) -> str:
        return self.say(part, key, **{**self.params, **params})

    def head(self) -> tuple[str, ...]:
        paid = words.money(self.language, self.of.tender_minor, self.exponent)
        currency = words.currency(self.language, self.of.currency)
        params = {
            **self.filled(self.params),
            "sale": self.of.sale,
            "when": self.when(self.of.opened_ms),
            "paid": paid,
            "currency": currency,
        }
        return tuple(words.text(self.language, f"explain.{key}", **params) for key in ("sale", "card"))

    def paper(self) -> str:
        if self.of.number is None:
            return words.text(self.language, "explain.no_paper")
        return f"{self.of.kiosk}-{self.of.number:06d}" + (f"-{self.of.check}" if self.of.check else "")

    def holding(self, each: Holding) -> str:
        amount = words.money(self.language, each.amount_minor, self.exponent)
        said = self.line("now", each.key, amount_minor=each.amount_minor, **each.params)
        return f"{amount}  {self.place(each.place, each.may_be)}  {said}"

    def place(self, place: Place, may_be: tuple[Place, ...]) -> str:
        names = [words.text(self.language, f"explain.place.{each}") for each in may_be or (place,)]
        either = words.text(self.language, "explain.or").join(names)
        if place not in (Place.BETWEEN, Place.UNKNOWN) or not may_be:
            return either
        return words.text(self.language, "explain.may_be", place=words.text(self.language, f"explain.place.{place}"), places=either)

    def episode(self, each: Episode) -> str:
        said = self.was(each)
        if not said:
            return ""
        amount = words.money(self.language, each.amount_minor, self.exponent)
        said = self.rowed(said, each.seq, each.kind, each.hash)
        return f"{self.when(each.at_ms)}  {amount}  {self.place(each.place, each.may_be)}  {said}"

    def was(self, each: Episode) -> str:
        """Its sentence; where the machine wrote a word that has none here, by newer software or by no software of ours, the word."""
        if self.audience == "customer" or any(words.known(f"explain.{table}.was.{each.key}") for table in self.tables):
            return self.line("was", each.key, **each.params)
        return self.line("was", "strange", word=each.key)

    def proof(self) -> Iterator[str]:
        """The acceptors' own counters, then the rows that decided, then how to check all of it."""
        if self.audience == "customer":
            yield self.line("proof", "paper" if self.of.number else "record")
            return
        yield from (self.counters(each) for each in self.of.counted)
        deciding = [each for each in self.of.episodes if each.seq in self.of.deciding]
        for each in deciding:
            yield f"{self.when(each.at_ms)}  {self.rowed(self.was(each), each.seq, each.kind, each.hash)}"
        if self.of.tag is None:
            yield self.line("proof", "no_record")
        if self.audience == "auditor":
            yield self.line("proof", "chain")

    def counters(self, each: Counted) -> str:
        key = "events" if each.agrees is None else "agrees" if each.agrees else "differs"
        params: Params = {"device": each.device, "pieces": each.pieces, "note_minor": each.amount_minor}
        return self.line("proof", key, **params, first=each.first, last=each.last)

    def step(self, who: str, key: str) -> str:
        said = self.line("next", key)
        return f"{words.text(self.language, f'explain.who.{who}')}: {said}"
