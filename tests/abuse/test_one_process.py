"""`kiosk run` alone, core and screen in one process: staff type their PINs at it, and then its memory is searched for them."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.commands.run import init
from kiosk.devices.vault.pins import hashed
from kiosk.screens.staff.knock import KNOCK
from tests.abuse.needles import in_memory
from tests.abuse.recorded import OPERATOR, PAD, PIN, REST_S, WRONG_PIN
from tests.apart.glass import Glass
from tests.apart.users import User

pytestmark = [
    pytest.mark.pcsc,  # it needs that nobody else's card is in the machine's reader
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory"),
]


class Alone(Glass):
    """A demo's kiosk in one terminal; its operator's PIN stands in none of its files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, User(None))
        self._folder, self.string = folder, hashed(PIN)

    def start(self) -> None:
        """The whole kiosk."""
        where = {"stdin": self._theirs, "stdout": self._theirs, "stderr": self._theirs}
        words = ("-m", "tests.abuse.core", self.string, "run", "--config", str(self._folder / "kiosk.toml"), "--palette", "ansi")
        self._process = self._user.start(*words, start_new_session=True, **where)

    def press(self, *caps: str) -> None:
        """Each after a rest."""
        for cap in caps:
            self.type(PAD.get(cap, cap.encode()))
            self.drain(REST_S)


@pytest.fixture
def alone() -> Iterator[Alone]:
    with tempfile.TemporaryDirectory(prefix="alone-") as place:
        init(Path(place) / "kiosk", "K07")
        glass = Alone(Path(place) / "kiosk")
        glass.start()
        yield glass
        glass.close()


@pytest.mark.deep("the whole memory of running processes is searched")
@pytest.mark.covers("abuse-36", "abuse-46")
def test_no_pin_stays_in_the_memory_of_a_kiosk_that_is_one_process(alone: Alone) -> None:
    """The control is the operator's argon2id string, which the core must have."""
    string = alone.string.encode()
    pins = {"PIN": PIN.encode(), "mistyped PIN": WRONG_PIN.encode()}
    alone.says("The card reader has stopped")
    alone.press(*KNOCK)
    for pin, said in ((WRONG_PIN, "wrong"), (PIN, "Costs the customer")):
        alone.says("operator number")
        alone.press(*OPERATOR, "enter")
        alone.says("PIN")
        alone.press(*pin, "enter")
        alone.says(said)
    assert in_memory(alone.pid, pins) == set()
    assert in_memory(alone.pid, {"string": string}) == {"string"}
