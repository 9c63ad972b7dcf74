"""The numbers and the texts of text messages: written here, kept in the side table, handed to the modem's thread, and nowhere else.

A thread beside the desk. It writes what a customer asked for, once; a crash before the desk's fact leaves a row that no fact names, which
`people` erases. A technician's text has no row: the fact names the alarm, and the number is the machine's own file's.

Composed here, because it joins the words, the side table and the modem.
"""

import threading

from kiosk import words
from kiosk.config import Config
from kiosk.devices.sms.alphabet import plain
from kiosk.devices.supervise import lasting
from kiosk.people import People
from kiosk.vend.ports import Desk
from kiosk.vend.rules import Rules
from kiosk.vend.seen import SmsKept
from kiosk.vend.sms import Letter, LetterJob, Text
from kiosk.vend.store import StoreError

LISTEN_S = 60.0


class Outbox:
    """`numbers`: technicians', by their place. `letter` is for any thread."""

    def __init__(self, desk: Desk, people: People, rules: Rules, numbers: tuple[str, ...]) -> None:
        self._desk, self._people, self._rules, self._numbers = desk, people, rules, numbers
        self._last = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lasting(self.run, self._stopping, lambda: None), name="texts", daemon=True)

    def start(self) -> None:
        """In a thread of its own, which ends with the desk."""
        self._thread.start()

    def stop(self) -> None:
        """It is not begun anew."""
        self._stopping.set()

    def run(self) -> None:
        """The thread's work. Raises DeskDied at the end."""
        rev, named = -1, frozenset[str]()
        while True:
            published = self._desk.wait(rev, LISTEN_S)
            rev, job, before, named = published.rev, published.letter_job, named, frozenset(published.sms.texts)
            if before - named:
                self._people.over(before - named)
            if job and job.ref != self._last:
                self._last = job.ref
                self._desk.tell(SmsKept(job.ref, self._kept(job)))

    def letter(self, ref: str) -> Letter | None:
        """Number and text; None where nobody stands behind the reference any more. OSError when the store cannot be read."""
        text = self._desk.published().sms.texts.get(ref)
        if text and text.about == "alarm":
            return Letter(self._numbers[text.to], alarm(self._rules, text)) if text.to < len(self._numbers) else None
        try:
            return self._people.letter(ref)
        except StoreError as error:
            raise OSError(str(error)) from None

    def _kept(self, job: LetterJob) -> bool:
        try:
            self._people.keep_letter(job.ref, job.until_ms, Letter(job.number, receipt(job)))
        except (StoreError, ValueError):
            return False
        return True


def receipt(job: LetterJob) -> str:
    """A receipt's or a slip's text, in its customer's language."""
    values = {name: value for name, value in job.values.items() if not name.endswith("_minor")}
    amounts = {name: job.values[f"{name}_minor"] for name in ("paid", "credit")}
    currency = words.currency(job.language, job.currency)
    said = {name: f"{words.money(job.language, int(amount), job.exponent)} {currency}" for name, amount in amounts.items()}
    values["at"] = words.moment(job.language, str(values["at"]))
    return plain(words.text(job.language, f"sms.{job.about}", **values, **said))


def alarm(rules: Rules, text: Text) -> str:
    """What technicians are told, in the machine's language."""
    word, _, device = text.what.partition(".")
    named = f"sms.device.{device}"
    at = words.moment(rules.language, f"{rules.local(text.queued_ms):%Y-%m-%d %H:%M}")
    said = words.text(rules.language, named) if words.known(named) else device
    return plain(words.text(rules.language, f"sms.alarm.{word}", kiosk=rules.kiosk, at=at, device=said))


def outbox_of(config: Config, desk: Desk, people: People, rules: Rules) -> Outbox:
    """That of a kiosk."""
    return Outbox(desk, people, rules, config.sms.alarms)
