"""Trials of what is given jobs: a printer, a bank terminal, a modem. What came out of the device is held against what was told of it."""

import itertools
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from kiosk.commands.receipt_samples import sample
from kiosk.conform.bench import Bench
from kiosk.conform.common import stopped
from kiosk.conform.device import Unplayed
from kiosk.conform.relay import CLEAN, Wire
from kiosk.vend.ports import PosJob, PrintJob
from kiosk.vend.seen import PosAnswered, PosUp, Printed, SmsAnswered
from kiosk.vend.sms import SmsJob

ANSWER_S = 60.0  # a job has its answer by then, from a device that is there
BOOK_S = 150.0  # and a question to a terminal's book: it may wait for goods that never came
BEGUN = 400  # bytes
CALM_S = 3.0  # after which nothing comes of a job by itself
AMOUNT_MINOR = 1234
TO = "+8613800138000"
LONG = "A text that is longer than one message can be, so that it goes in two parts. " * 3
LETTERS = {f"{number:016x}": (TO, f"Receipt {number}. {LONG}" if number % 2 else f"Receipt {number}.") for number in range(1, 20)}

Answer = TypeVar("Answer", Printed, PosAnswered, SmsAnswered)
_numbers = itertools.count(1)


def state(bench: Bench) -> dict[str, Any]:
    """The device's. Raises Unplayed."""
    return does(bench, do="state")


def does(bench: Bench, **verb: Any) -> dict[str, Any]:
    """An order for the device. Raises Unplayed."""
    if bench.device is None:
        raise Unplayed("There is no device.")
    return bench.device.do(**verb)


def answers(bench: Bench, kind: type[Answer], job: int) -> list[Answer]:
    """What was told of a job."""
    return [seen for seen in bench.desk.heard(kind) if seen.job == job]


def answered(bench: Bench, kind: type[Answer], job: int, timeout_s: float = ANSWER_S) -> str:
    """The outcome; "silence" when none was told in time."""
    bench.desk.until(lambda: answers(bench, kind, job), timeout_s)
    told = answers(bench, kind, job)
    return told[0].outcome if told else "silence"


def one_answer(bench: Bench, kind: type[Answer], jobs: list[int]) -> None:
    """Each job has had one, and no other comes."""
    time.sleep(CALM_S)
    for job in jobs:
        told = [seen.outcome for seen in answers(bench, kind, job)]
        bench.see(
            "maybe_done", kept=len(told) == 1, what="one answer a job" if len(told) == 1 else f"one job was answered {told or 'never'}"
        )


def begun(bench: Bench, size: int = BEGUN) -> None:
    """It is on its way: so many bytes of a paper are no question."""
    before = bench.relay.carried if bench.relay else 0
    bench.desk.until(lambda: bench.relay and bench.relay.carried > before + size, ANSWER_S)


def stops_at_work(bench: Bench) -> None:
    """stop() in the middle of a job."""
    with bench.alive() as process:
        match bench.role:
            case "printer":
                prints(bench)
            case "terminal":
                bench.desk.wants(pos_job=PosJob(next(_numbers), "pay", name(), AMOUNT_MINOR))
            case _:
                bench.desk.wants(sms_job=SmsJob(next(_numbers), next(iter(LETTERS))))
        begun(bench, 8 if bench.role != "printer" else BEGUN)
        stopped(bench, process, "in the middle of a job")


# ---------------------------------------------------------------- printer


def prints(bench: Bench) -> int:
    """One paper is wanted: the job's number."""
    job = next(_numbers)
    paper = msgspec.structs.replace(sample("recharge", "en"), code="")
    bench.desk.wants(print_job=PrintJob(job, job, 0, paper))
    return job


BACK_WIRES = (
    CLEAN,
    Wire("delay", delay_s=0.01),
    Wire("duplicated answers", duplicate=0.3, upward=True),
    Wire("lost answers", drop=0.2, upward=True),
    Wire("damaged answers", corrupt=0.2, upward=True),
)


def papers(bench: Bench) -> None:
    """Whole ones, and what happens to a paper. What is lost on the way to a printer no printer can tell: there only answers are."""
    with bench.alive():
        jobs, whole = [], ""
        for wire in BACK_WIRES:
            with bench.over(wire):
                before = state(bench)["papers"]
                jobs.append(prints(bench))
                outcome = answered(bench, Printed, jobs[-1])
            if outcome == "unknown":
                time.sleep(CALM_S)  # what was given up is cut off as soon as the printer is heard again
            whole = whole or state(bench)["text"]
            _paper(bench, outcome, before, whole, f"over {wire.name}")
        for what, trouble, cure in (
            ("no paper in the middle", {"do": "paper", "to": "out", "after_lines": 6}, {"do": "paper", "to": "ok"}),
            ("the cover is open", {"do": "cover", "to": "open"}, {"do": "cover", "to": "closed"}),
            ("the cable is pulled", {}, {}),
        ):
            bench.desk.until(bench.desk.ups, ANSWER_S)
            before = state(bench)["papers"]
            if trouble:
                does(bench, **trouble)
            jobs.append(prints(bench))
            if not trouble:
                begun(bench)
                bench.plug(plugged=False)
            outcome = answered(bench, Printed, jobs[-1])
            bench.plug(plugged=True)
            if cure:
                does(bench, **cure)
            time.sleep(CALM_S)
            _paper(bench, outcome, before, whole, what)
        one_answer(bench, Printed, jobs)


def _paper(bench: Bench, outcome: str, before: int, whole: str, when: str) -> None:
    """An outcome against the papers that fell out."""
    now = state(bench)
    came = now["papers"] - before
    complete = came >= 1 and now["text"] == whole
    good = {"printed": complete, "assumed": complete, "failed": came == 0, "unknown": when != "over clean"}.get(outcome, False)
    bench.see("evidence", kept=good, what=f"{when}: told {outcome}, {'a whole paper' if complete else f'{came} pieces'} came out")
    bench.see("maybe_done", kept=came <= 1, what=f"at most one paper a job{'' if came <= 1 else f': {came} came out'}")


def printer_remembers(bench: Bench) -> None:
    """Killed in the middle of a paper."""
    with bench.alive() as process:
        prints(bench)
        begun(bench)
        process.kill()
    time.sleep(CALM_S)  # what lies in the printer's own buffer is nobody's doing
    before = state(bench)["papers"]
    bench.desk.again()
    bench.desk.wants(print_job=None)
    with bench.alive():
        time.sleep(2 * CALM_S)
        came = state(bench)["papers"] - before
        bench.see("remembers", kept=not came, what=f"killed in the middle of a paper: the next life prints {came}")


# ---------------------------------------------------------------- terminal


def pos(bench: Bench, do: str, payment: str, timeout_s: float = ANSWER_S, **more: Any) -> str:
    """One job for the terminal, and its outcome."""
    job = next(_numbers)
    bench.desk.wants(pos_job=PosJob(job, do, payment, AMOUNT_MINOR, **more))
    outcome = answered(bench, PosAnswered, job, timeout_s)
    bench.desk.wants(pos_job=None)
    return outcome


def receipt(bench: Bench) -> str:
    """Terminal and number of the last receipt in its book, as PosJob has it; "" where it did not say."""
    ups = bench.desk.heard(PosUp)
    return f"{ups[-1].serial}/{ups[-1].receipt}" if ups and ups[-1].receipt else ""


def name() -> str:
    """Of an attempt."""
    return f"{next(_numbers):016x}"


def payments(bench: Bench) -> None:
    """Approved and final, taken back, declined; and an approval of which the answer is lost."""
    with bench.alive():
        for what, mode, then, first, last, charged in (
            ("goods", "approve", "goods", "approved", "final", AMOUNT_MINOR),
            ("a check fails", "approve", "refuse", "approved", "reversed", 0),
            ("the bank declines", "decline", "", "declined", "", 0),
        ):
            before = state(bench)["charged_minor"]
            does(bench, do="pos", to=mode)
            payment = name()
            said = pos(bench, "pay", payment), pos(bench, then, payment) if then else ""
            _booked(bench, f"{what}: told {' and '.join(filter(None, said))}", said == (first, last), before + charged)
        one_answer(bench, PosAnswered, [seen.job for seen in bench.desk.heard(PosAnswered)])
        _lost_answer(bench)


PAY_WIRES = (
    Wire("delay", delay_s=0.01),
    Wire("a byte at a time", split=True),
    Wire("loss", drop=0.03),
    Wire("damage", corrupt=0.03),
    Wire("duplication", duplicate=0.1),
)
STREAM_WIRES = PAY_WIRES[:2]  # a network loses nothing and doubles nothing


def wired_payments(bench: Bench) -> None:
    """Whatever the wire does, what is told is what the book has; what is unknown is found out on a good one."""
    with bench.alive():
        does(bench, do="pos", to="approve")
        for wire in STREAM_WIRES if bench.relay and bench.relay.network else PAY_WIRES:
            before, book, payment = state(bench), receipt(bench), name()
            with bench.over(wire):
                said = [pos(bench, "pay", payment, BOOK_S)]
                said += [pos(bench, "goods", payment, BOOK_S)] if said == ["approved"] else []
            said += [pos(bench, "recover", payment, BOOK_S, before=book)] if said[-1] in ("unknown", "silence") else []
            bench.desk.until(lambda: not state(bench)["open"], BOOK_S)
            now = state(bench)
            paid, asked = now["charged_minor"] - before["charged_minor"], now["approvals"] - before["approvals"]
            good = paid == (AMOUNT_MINOR if said[-1] == "final" else 0) or said[-1] == "unknown"
            bench.see("evidence", kept=good, what=f"over {wire.name}: told {' and '.join(said)}; the terminal's book has {paid}")
            bench.see("maybe_done", kept=asked <= 1, what=f"{asked} approvals for one payment")


def _booked(bench: Bench, what: str, right: bool, charged: int) -> None:
    bench.desk.until(lambda: not state(bench)["open"], ANSWER_S)
    book = state(bench)["charged_minor"]
    bench.see("evidence", kept=right and book == charged, what=f"{what}; the terminal's book has {book}")


def _lost_answer(bench: Bench) -> None:
    """The cable is pulled when the terminal has approved and nobody has heard it."""
    before, book = state(bench), receipt(bench)
    does(bench, do="pos", to="silent")
    payment, job = name(), next(_numbers)
    bench.desk.wants(pos_job=PosJob(job, "pay", payment, AMOUNT_MINOR))
    bench.desk.until(lambda: state(bench)["approvals"] > before["approvals"], ANSWER_S)
    bench.plug(plugged=False)
    outcome = answered(bench, PosAnswered, job)
    bench.see("evidence", kept=outcome == "unknown", what=f"an approval whose answer is lost: told {outcome}")
    does(bench, do="pos", to="approve")
    bench.plug(plugged=True)
    outcome = pos(bench, "recover", payment, BOOK_S, before=book)
    now = state(bench)
    paid = now["charged_minor"] - before["charged_minor"]
    right = {"final": paid == AMOUNT_MINOR, "reversed": paid == 0, "none": paid == 0, "unknown": True}.get(outcome, False)
    bench.see("evidence", kept=right, what=f"it is found out: told {outcome}; the terminal's book has {paid}")
    asked = now["approvals"] - before["approvals"]
    bench.see("maybe_done", kept=asked <= 1, what=f"{asked} approvals for one payment")


def terminal_remembers(bench: Bench) -> None:
    """Killed with an approval that waits for its goods: as soon as it is told, and when nobody has asked for them for a while."""
    for when, calm_s in (("at once", 0.0), (f"after {CALM_S:.0f} s", CALM_S)):
        with bench.alive(BOOK_S) as process:
            before, book, payment = state(bench), receipt(bench), name()
            outcome = pos(bench, "pay", payment)
            bench.see("remembers", kept=outcome == "approved", what=f"a payment: {outcome}")
            bench.desk.until(lambda: not state(bench)["open"], calm_s)  # whoever says by itself that there are goods, says it now
            process.kill()
        bench.desk.again()
        with bench.alive(BOOK_S):
            outcome = pos(bench, "recover", payment, BOOK_S, before=book)
            bench.desk.until(lambda: not state(bench)["open"], BOOK_S)
            paid = state(bench)["charged_minor"] - before["charged_minor"]
            good = paid == 0 and outcome in ("reversed", "none", "unknown")
            bench.see("remembers", kept=good, what=f"killed {when}, before the goods: told {outcome}; the terminal's book has {paid}")
        bench.desk.again()


# ---------------------------------------------------------------- modem


def sends(bench: Bench, ref: str, meanwhile: Callable[[], None] = lambda: None) -> str:
    """One text is wanted: its outcome."""
    job = next(_numbers)
    bench.desk.wants(sms_job=SmsJob(job, ref))
    meanwhile()
    outcome = answered(bench, SmsAnswered, job)
    bench.desk.wants(sms_job=None)
    return outcome


TEXT_WIRES = (Wire("delay", delay_s=0.01), Wire("a byte at a time", split=True), Wire("echo", echo=True))


def texts(bench: Bench) -> None:
    """Sent, refused, and sent without an answer; then once more under the same reference."""
    refs = iter(LETTERS)
    with bench.alive():
        for what, trouble, right in (
            ("of two parts", {}, ("sent",)),
            ("of one part", {}, ("sent",)),
            ("the network refuses", {"cms": [38]}, ("failed",)),
        ):
            before = len(state(bench)["messages"])
            does(bench, do="fault", **trouble)
            outcome = sends(bench, next(refs))
            came = len(state(bench)["messages"]) - before
            good = outcome in right and came == (outcome == "sent")
            bench.see("evidence", kept=good, what=f"{what}: told {outcome}, {came} on the telephone")
        for wire in TEXT_WIRES:
            before = len(state(bench)["messages"])
            with bench.over(wire):
                outcome = sends(bench, next(refs))
            came = len(state(bench)["messages"]) - before
            good = came == {"sent": 1, "failed": 0}.get(outcome, came)
            bench.see("evidence", kept=good, what=f"over {wire.name}: told {outcome}, {came} on the telephone")
        _lost_text(bench, next(refs))
        one_answer(bench, SmsAnswered, [seen.job for seen in bench.desk.heard(SmsAnswered)])


def _lost_text(bench: Bench, ref: str) -> None:
    """The network takes the first of two parts, and the cable is pulled before its answer."""
    before = state(bench)
    does(bench, do="fault", lose_cmgs=1)

    def pulled() -> None:
        bench.desk.until(lambda: state(bench)["parts"] > before["parts"], ANSWER_S)
        bench.plug(plugged=False)
        time.sleep(1.0)
        bench.plug(plugged=True)

    since = bench.desk.mark
    outcome = sends(bench, ref, pulled)
    bench.see("evidence", kept=outcome == "unknown", what=f"a part whose answer is lost: told {outcome}")
    bench.desk.until(lambda: bench.desk.ups(since), ANSWER_S)
    time.sleep(CALM_S)
    again = state(bench)["parts"] - before["parts"]
    bench.see("maybe_done", kept=again == 1, what=f"{again} part went out before anybody asked anew")
    outcome = sends(bench, ref)
    now = state(bench)
    came, references = len(now["messages"]) - len(before["messages"]), len(now["references"]) - len(before["references"])
    good = outcome == "sent" and came == 1 and references == 1
    bench.see("same", kept=good, what=f"asked for once more: told {outcome}, {came} on the telephone, under {references} references")


def modem_remembers(bench: Bench) -> None:
    """Killed when the network has it and nobody has heard so."""
    with bench.alive() as process:
        before = state(bench)
        does(bench, do="fault", lose_cmgs=1)
        bench.desk.wants(sms_job=SmsJob(next(_numbers), list(LETTERS)[1]))
        bench.desk.until(lambda: state(bench)["parts"] > before["parts"], ANSWER_S)
        process.kill()
    bench.desk.again()
    bench.desk.wants(sms_job=None)
    with bench.alive():
        time.sleep(CALM_S)
        came = state(bench)["parts"] - before["parts"]
        bench.see("remembers", kept=came == 1, what=f"killed before the network's answer: {came} on the telephone")
