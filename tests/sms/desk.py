"""A real sale on a test's time, with the modem's real thread beside it: what the shop publishes the driver does, what it tells is heard."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kiosk.core import machine_of
from kiosk.devices.port import Port, PortLost, open_serial
from kiosk.devices.sim.modem import ModemSimulator
from kiosk.devices.sim.printer_line import PtyLine
from kiosk.devices.sms.driver import SmsDriver
from kiosk.devices.sms.modem import Waits
from kiosk.vend import facts as f
from kiosk.vend import seen
from kiosk.vend.phase import deadline_ms
from kiosk.vend.ports import Published
from kiosk.vend.sms import Letter, SmsQueued, Texts
from tests.sale.shop import Shop

WAITS = Waits(answer_s=1.0, pin_s=2.0, prompt_s=0.5, sent_s=0.6, look_s=0.1, hear_s=0.02, retry_s=0.05, tries=2)
PATIENCE_S = 40.0
TECHNICIAN, CUSTOMER = "+254700000001", "+254712345678"


def until(holds: Callable[[], object], what: str = "") -> None:
    """Waits for it; fails when it does not come about."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.005)


class LiveShop:
    """A Shop that several threads may tell. Its time moves only when the test says so."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._rev = 0
        self.letters: dict[str, Letter] = {}
        self.told: list[seen.Seen] = []
        self.shop = Shop(texts=Texts(country="254", alarms=1))
        self._publish()

    def tell(self, what: seen.Seen) -> None:
        with self._changed:
            self.told.append(what)
            self.shop.tell(what)
            if deadline_ms(self.shop.state) <= self.shop.ms:  # the desk wakes by itself
                self.shop.tell(seen.Tick())
            self._publish()

    def published(self) -> Published:
        with self._changed:
            return self._published

    def wait(self, rev: int, timeout_s: float) -> Published:
        with self._changed:
            self._changed.wait_for(lambda: self._rev != rev, timeout_s)
            return self._published

    def _publish(self) -> None:
        with self._changed:
            self._rev += 1
            self._published = machine_of(self.shop.rules).publish(self.shop.state, self.shop.now(), self._rev)
            self._changed.notify_all()

    def letter(self, ref: str) -> Letter | None:
        """As the outbox has it."""
        return self.letters.get(ref)

    def later(self, minutes: float = 0) -> None:
        """So long, and the desk looks."""
        with self._changed:
            self.shop.ms += int(minutes * 60_000)
        self.tell(seen.Tick())

    def restarts(self) -> None:
        """Power: the journal is what remains."""
        with self._changed:
            self.shop.start()
            self._publish()

    def queue(self, text: str = "Receipt K07-000001", number: str = CUSTOMER, ref: str = "00000000000000aa") -> str:
        """A customer's text, as the outbox writes it down."""
        self.letters[ref] = Letter(number, text)
        with self._changed:
            self.shop._add((SmsQueued(ref, "receipt", self.shop.wall_ms() + 2 * 86_400_000, sale="5f0c2a9be1d34477"),))
        self.tell(seen.Tick())
        return ref

    def facts(self, *kinds: type[f.Fact]) -> list[Any]:
        with self._changed:
            return [fact for fact, _ in self.shop.rows if isinstance(fact, kinds)]


class Cabinet:
    """A machine with a modem in it: `sim` behind its wire, `driver` in front of it."""

    def __init__(self, folder: Path, *, pin: str = "", sim_pin: str = "") -> None:
        self.folder = folder
        self.pin, self.pin_try = pin, 1
        self.fault: Callable[[Port], Port] = lambda port: port
        self.sim = ModemSimulator(PtyLine(folder / "modem"), None, folder / "modem.json", pin=sim_pin)
        self.desk = LiveShop()
        self.driver = self.made()

    def made(self) -> SmsDriver:
        return SmsDriver(self.desk, self._opened, self.desk.letter, pin=self.pin, pin_try=self.pin_try, waits=WAITS)

    def _opened(self) -> Port:
        path = self.folder / "modem"
        if not path.exists():
            raise PortLost("nobody is there")
        return self.fault(open_serial(str(path)))

    def start(self) -> None:
        self.sim.start()
        self.driver.start()

    def stop(self) -> None:
        self.driver.stop()
        self.sim.stop()

    def up(self, times: int = 1) -> None:
        """Waits until the modem works, for the so-maniest time."""
        until(lambda: self._ups() >= times and self.driver.health().works, "a modem that works")

    def _ups(self) -> int:
        return sum(isinstance(told, seen.DeviceUp) for told in self.desk.told)

    def messages(self) -> list[dict[str, str]]:
        """On the telephones."""
        return list(self.sim.air.shown())

    def restart(self) -> None:
        """The kiosk's power goes and comes; the modem's stays."""
        self.driver.stop()
        self.desk.restarts()
        self.driver = self.made()
        self.driver.start()


def with_texts(shop: Shop, *, receipts: bool = True, country: str = "254", alarms: int = 1, day_max: int = 300) -> Shop:
    """The same shop, with a modem."""
    shop.rules = replace(shop.rules, texts=Texts(receipts, country, alarms, day_max))
    return shop
