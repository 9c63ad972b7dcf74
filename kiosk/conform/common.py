"""Trials of what every driver promises, whatever its device is for."""

import time

from kiosk.conform.bench import DOWN_S, LATE_S, OVER_S, START_S, STOP_S, UP_S, Bench
from kiosk.conform.process import DriverProcess
from kiosk.conform.relay import CLEAN, Wire
from kiosk.devices.port import PortLost, open_port

CALM_S = 2.5  # trouble that lasts so long is told once, and a driver that is up has told by then what it has to tell
CYCLES, WARM = 6, 2  # losses of the port; after so many everything has its size
GROWTH = 4 << 20  # bytes of memory that an allocator may keep without anybody's fault
NOISE_S, SILENCE_S = 2.0, 4.0


def begins(bench: Bench) -> None:
    """Without a device."""
    bench.plug(plugged=False)
    since = bench.desk.mark
    with bench.made(absent=True) as process:
        done = process.start(UP_S)
        good = done is not None and not done.raised and done.seconds <= START_S
        what = f"start() took {done.seconds:.2f} s{done.raised and ' and raised ' + done.raised}" if done else "start() did not return"
        bench.see("begins", kept=good, what=what)
        if not (bench.relay or bench.setting.absent):
            return
        down = bench.desk.until(lambda: bench.desk.downs(since) and not bench.works(process), DOWN_S)
        bench.see("begins", kept=down, what="it is told as down" if down else bench.standing(process, "not told as down"))
        told = len(bench.desk.downs(since))
        time.sleep(CALM_S)
        again = len(bench.desk.downs(since)) - told
        bench.see("begins", kept=not again, what=f"told {again} times again in {CALM_S} s" if again else "told once")
        state = bench.look(process).health.state
        bench.see("begins", kept=state != "starting", what=f"health is {state}")
    bench.plug(plugged=True)


def serves(bench: Bench) -> None:
    """With a device, and alone at its port; what it tells in its first seconds is heard."""
    with bench.alive() as process:
        bench.desk.until(lambda: bench.desk.wrong, CALM_S)
        who = bench.look(process).identity
        said = " ".join(filter(None, ("identity", who.maker, who.model, who.serial or who.port))) if who else "nobody was named"
        good = who is not None and (who.kind, who.protocol) == (bench.role, bench.setting.protocol)
        bench.see("serves", kept=good, what=said)
        if bench.relay is None or bench.relay.network:
            if bench.relay:
                bench.see("alone", kept=True, what="a network port: its connection is nobody else's")
            return
        let_in = had(bench.relay.address)
        bench.see("alone", kept=not let_in, what="another program was let in" if let_in else "another program was refused the port")


def had(address: str) -> bool:
    """Can another program have this port?"""
    try:
        open_port(address).close()
    except PortLost:
        return False
    return True


TROUBLES = (
    CLEAN,
    Wire("a silent device", silent=True),
    Wire("a line that babbles", babble=True),
    Wire("a device that takes no byte", stalled=True),
)
HELD = tuple(wire.name for wire in TROUBLES)  # where there was a port to hold


def ends(bench: Bench) -> None:
    """Never started, absent, and in every kind of trouble."""
    with bench.made() as process:
        stopped(bench, process, "never started")
    for wire in TROUBLES if bench.relay else TROUBLES[:1]:
        with bench.alive() as process, bench.over(wire):
            time.sleep(1.0 if wire is not CLEAN else 0.0)
            stopped(bench, process, wire.name)
        if bench.seen.broken("ends"):
            return
    bench.plug(plugged=False)
    with bench.made() as process:
        process.start(START_S)
        time.sleep(1.0)
        stopped(bench, process, "without a device")
    bench.plug(plugged=True)


def stopped(bench: Bench, process: DriverProcess, when: str) -> None:
    """One stop, and another; what is left."""
    before = bench.desk.mark
    done = process.stop(STOP_S, STOP_S + LATE_S + OVER_S)
    if done is None or done.raised or done.seconds > STOP_S + LATE_S:
        what = f"raised {done.raised}" if done and done.raised else f"took {done.seconds:.1f} s" if done else "did not return"
        bench.see("ends", kept=False, what=f"{when}: stop({STOP_S:.0f}) {what}{process.complaint()}")
        return
    over = bench.desk.until(lambda: not bench.look(process).alive and bench.look(process).threads <= 1, OVER_S)
    again = process.stop(1.0, STOP_S)
    line = bench.relay.address if bench.relay and not bench.relay.network and when in HELD else ""
    left = ["a thread of its runs on"] if not over else []
    left += ["a second stop() fails"] if again is None or again.raised else []
    left += ["its port is still taken"] if line and not had(line) else []
    if when == "never started" and bench.desk.mark > before:
        left.append("it told something before it was started")
    bench.see("ends", kept=not left, what=f"{when}: {done.seconds:.1f} s{'; ' if left else ''}{', '.join(left)}")


def returns(bench: Bench) -> None:
    """The cable, again and again; and what grows meanwhile."""
    sizes = []
    with bench.alive() as process:
        for cycle in range(1, CYCLES + 1):
            since = bench.desk.mark
            bench.plug(plugged=False)
            down = bench.desk.until(lambda since=since: bench.desk.downs(since) and not bench.works(process), DOWN_S)  # type: ignore[misc]
            since = bench.desk.mark
            bench.plug(plugged=True)
            up = bench.desk.until(lambda since=since: bench.desk.ups(since) and bench.works(process), UP_S)  # type: ignore[misc]
            if not (down and up):
                what = f"cable {cycle}: {'put back' if down else 'pulled'}, and not told as {'up' if down else 'down'}"
                bench.see("returns", kept=False, what=bench.standing(process, what))
                return
            if cycle >= WARM:
                sizes.append(bench.look(process))
        bench.see("returns", kept=True, what=f"{CYCLES} times")
    first, last = sizes[0], sizes[-1]
    grown = [
        f"{name} from {a} to {b}"
        for name, a, b, most in (
            ("threads", first.threads, last.threads, 0),
            ("files", first.files, last.files, 0),
            ("memory", first.memory, last.memory, GROWTH),
        )
        if b - a > most
    ]
    said = ", ".join(grown) or f"{last.threads} threads, {last.files} files, {last.memory >> 20} MB"
    bench.see("steady", kept=not grown, what=f"over {CYCLES - WARM} losses of the port: {said}")


def endures(bench: Bench) -> None:
    """Noise, then silence, then a good line again."""
    with bench.alive() as process:
        for wire, seconds in ((Wire("noise", babble=True), NOISE_S), (Wire("silence", silent=True), SILENCE_S)):
            with bench.over(wire):
                time.sleep(seconds)
            well = bench.desk.until(lambda: bench.works(process), UP_S)
            trace = process.complaint()
            alive = not process.dead and bench.look(process).alive
            what = f"{seconds:.0f} s of {wire.name}"
            bench.see(
                "endures", kept=well and alive and not trace, what=what if well and alive and not trace else bench.standing(process, what)
            )
