"""What a driver promises, each in one sentence with a name, and the certificate that says which were kept.

A promise is broken by one observation that gainsays it, and kept only by one that bears it out: what nobody looked at is untried.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

Verdict = Literal["kept", "broken", "untried"]
EVERY = ("notes", "coins", "printer", "terminal", "display", "board", "modem", "voice")
CASH = ("notes", "coins")
SCREENS = ("display", "board")
ASKED = ("printer", "terminal", "modem")  # they are given jobs


class Promise(msgspec.Struct, frozen=True):
    """`name` is what `--only` takes; `roles`: who gives it."""

    name: str
    says: str
    roles: tuple[str, ...] = EVERY


PROMISES = (
    Promise("begins", "start() returns at once, and a device that is not there is told as down, once, and kept as health."),
    Promise("serves", "With its device there it is up, says who answered, and its health works."),
    Promise("speaks", "It tells the words of its role, with values that can be."),
    Promise("alone", "While it has the port no other program gets it.", EVERY[:-1]),
    Promise("ends", "stop() returns in time, whatever the device does, twice or never started too; no thread and no port stays behind."),
    Promise("returns", "A cable that is pulled is told as down, one that is put back as up, as often as it happens.", EVERY[:-1]),
    Promise("endures", "Noise, silence and a line that babbles do not end its thread, and it serves again afterwards.", EVERY[:-1]),
    Promise("steady", "Threads, open files and memory do not grow from one loss of the port to the next.", EVERY[:-1]),
    Promise("once", "Each piece that is in the box is told once, whatever the wire does to the bytes.", CASH),
    Promise("shut", "Nothing is taken that the stance does not want, while the desk does not listen, or after stop().", CASH),
    Promise("word", "A note in escrow moves only at the stance's word for that very note.", CASH[:1]),
    Promise("remembers", "After kill -9 what the journal has not is told again, and what it has is not.", CASH),
    Promise("evidence", "A paper is printed only when all of it came out; else it is unknown, or failed without a byte.", ("printer",)),
    Promise("evidence", "An approval without its answer is unknown, until the terminal's own book has been read.", ("terminal",)),
    Promise("evidence", "A text is sent only when the network took it; else it is unknown, or failed without one.", ("modem",)),
    Promise("maybe_done", "What may have been done is never asked for again: one job, one order, one answer.", ASKED),
    Promise("remembers", "After kill -9 nothing is paid, taken back or made final that the desk did not ask for.", ("terminal",)),
    Promise("remembers", "After kill -9 nothing is printed or sent that the desk does not ask for anew.", ("printer", "modem")),
    Promise("same", "A text that is asked for once more under its reference is one text on the telephone.", ("modem",)),
    Promise("newest", "After a display has hung, the newest picture stands on it, not those that are past.", SCREENS),
    Promise("unfelt", "A display that takes no byte holds up nobody: what is told, asked and stopped returns in time.", SCREENS),
)  # fmt: skip


def of(role: str) -> tuple[Promise, ...]:
    """What a driver of this role promises."""
    return tuple(promise for promise in PROMISES if role in promise.roles)


class Finding(msgspec.Struct, frozen=True):
    """One promise, and how it came out. `evidence`: what was seen; of a broken one what broke it."""

    promise: str
    says: str
    verdict: Verdict
    evidence: tuple[str, ...] = ()


class Certificate(msgspec.Struct, frozen=True):
    """`driver`: ROLE/PROTOCOL; `brought_by`: the package; `device`: what stood behind the wire; `at`: ISO 8601, UTC."""

    driver: str
    brought_by: str
    device: str
    kit: str
    at: str
    seed: int
    seconds: float
    verdict: Verdict
    findings: tuple[Finding, ...]


class Observations:
    """What was seen, by promise."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[bool, str]]] = {}

    def see(self, promise: str, *, kept: bool, what: str) -> None:
        """One look at a promise."""
        self._seen.setdefault(promise, []).append((kept, what))

    def broken(self, promise: str) -> bool:
        """Was it gainsaid?"""
        return any(not kept for kept, _ in self._seen.get(promise, ()))

    def findings(self, promises: Sequence[Promise]) -> tuple[Finding, ...]:
        """One for each promise, in their order."""
        return tuple(self._finding(promise) for promise in promises)

    def _finding(self, promise: Promise) -> Finding:
        seen = self._seen.get(promise.name, [])
        verdict: Verdict = "broken" if self.broken(promise.name) else "kept" if seen else "untried"
        broken = [what for kept, what in seen if not kept]
        return Finding(promise.name, promise.says, verdict, _counted(broken or [what for _, what in seen]))


def _counted(seen: Sequence[str]) -> tuple[str, ...]:
    """What was seen more than once is said once."""
    return tuple(what if times == 1 else f"{what} ({times} times)" for what, times in Counter(seen).items())


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Broken by one, kept by all; otherwise something is untried."""
    verdicts = {finding.verdict for finding in findings}
    return "broken" if "broken" in verdicts else "untried" if verdicts != {"kept"} else "kept"


def lines(certificate: Certificate) -> list[str]:
    """As a person reads it: one line a promise, and its evidence under it."""
    head = [
        f"{certificate.driver} of {certificate.brought_by}, {certificate.at}",
        f"against {certificate.device}, by {certificate.kit}, seed {certificate.seed}, {certificate.seconds:.0f} s",
        "",
    ]
    body: list[str] = []
    for finding in certificate.findings:
        body.append(f"{finding.verdict.upper():8}{finding.promise}: {finding.says}")
        body += [f"{'':8}- {what}" for what in finding.evidence]
    counts = ", ".join(f"{sum(one.verdict == word for one in certificate.findings)} {word}" for word in ("kept", "broken", "untried"))
    return [*head, *body, "", f"{certificate.verdict.upper()}: {counts}."]
