"""A display is a comfort: the newest picture is on it while it is there, and nobody waits for it when it is not."""

import random
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.config import load
from kiosk.demo.site import CONFIG
from kiosk.demo.world import World
from kiosk.devices.display.dialect import DIALECTS
from kiosk.devices.display.driver import DisplayDriver
from kiosk.devices.display.showing import PLAIN, Wording
from kiosk.devices.fitting import Outfit, PartError
from kiosk.devices.port import FaultyPort, Port, PortLost, open_port, pair
from kiosk.devices.registry import driver_of
from kiosk.devices.sim.display import KINDS, Cells, DisplaySimulator
from kiosk.devices.vault.station import open_station
from kiosk.screens.samples import SAMPLES
from kiosk.vend.explain.says import told
from kiosk.vend.explain.telling import story
from kiosk.vend.explain.values import Place
from kiosk.vend.facts import CardVerified, DeviceFault, DeviceRecovered, NoteStacked, SaleClosed
from kiosk.vend.journal import Journal
from kiosk.vend.seen import DeviceDown, DeviceUp
from kiosk.vend.view import View
from tests.display.desk import IMPATIENT, ShowingDesk, until
from tests.sale.shop import Shop
from tests.seeds import Seeds

VIEWS = [sample.view for sample in SAMPLES.values()]
PAID, IDLE = SAMPLES["insert"].view, SAMPLES["attract"].view
DISPLAY = '\n[[device]]\nrole = "{role}"\nprotocol = "{protocol}"\nport = "{port}"\n'


@pytest.fixture
def desk() -> ShowingDesk:
    return ShowingDesk(remember=False)


@pytest.fixture
def simulated(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DisplaySimulator]:
    display = DisplaySimulator(tmp_path / "display", getattr(request, "param", "cd5220"))
    display.start()
    yield display
    display.stop()


def driver(desk: ShowingDesk, port: Path, kind: str = "cd5220", wording: Wording = PLAIN) -> DisplayDriver:
    return DisplayDriver("display", desk, partial(open_port, str(port)), DIALECTS[kind], wording, protocol=kind, waits=IMPATIENT)


def says(display: DisplaySimulator, *rows: str) -> bool:
    return [row.strip() for row in display.rows] == list(rows)


@pytest.mark.parametrize("simulated", KINDS, indirect=True)
def test_each_view_is_on_the_display_and_of_many_the_newest(desk: ShowingDesk, simulated: DisplaySimulator, tmp_path: Path) -> None:
    kind = simulated.do({"do": "look"})["kind"]
    shows = driver(desk, tmp_path / "display", kind)
    shows.start()
    desk.await_one(DeviceUp)
    for minor in range(100, 9000, 100):
        desk.show(replace(PAID, figure_minor=minor))
    rows = ("89.00",) if kind == "led8n" else ("89.00 yuan", "in the machine")
    until(lambda: says(simulated, *rows), "the last amount")
    assert simulated.do({"do": "look"})["lamps"] == (["collect"] if kind == "led8n" else [])
    shows.stop()
    until(lambda: says(simulated, "" if kind == "led8n" else "OUT OF SERVICE", *([] if kind == "led8n" else ["Use another machine"])))
    assert simulated.do({"do": "look"})["unknown"] == 0
    assert not shows.alive


def test_a_display_that_is_pulled_and_put_back_is_told_once_each_and_shows_the_present(
    desk: ShowingDesk, simulated: DisplaySimulator, tmp_path: Path
) -> None:
    shows = driver(desk, tmp_path / "display")
    shows.start()
    desk.show(PAID)
    until(lambda: says(simulated, "150.00 yuan", "in the machine"))
    simulated.do({"do": "unplug"})
    assert desk.await_one(DeviceDown).code == "no_device"
    desk.show(SAMPLES["done"].view)
    time.sleep(0.2)
    assert shows.health().state == "no_device"
    simulated.do({"do": "power", "to": "off"})
    simulated.do({"do": "power", "to": "on"})
    simulated.do({"do": "plug"})
    until(lambda: says(simulated, "140.00 yuan", "on your card"))
    shows.stop()
    assert [type(each) for each in desk.told] == [DeviceUp, DeviceDown, DeviceUp]
    assert shows.health().state == "online"


def test_a_display_that_lost_its_power_for_a_moment_has_its_picture_back(
    desk: ShowingDesk, simulated: DisplaySimulator, tmp_path: Path
) -> None:
    shows = driver(desk, tmp_path / "display")
    shows.start()
    desk.show(PAID)
    until(lambda: says(simulated, "150.00 yuan", "in the machine"))
    simulated.do({"do": "power", "to": "off"})
    assert says(simulated, "", "")
    simulated.do({"do": "power", "to": "on"})
    until(lambda: says(simulated, "150.00 yuan", "in the machine"))
    shows.stop()


def test_a_display_that_takes_no_byte_is_down_and_holds_nobody_up(desk: ShowingDesk, simulated: DisplaySimulator, tmp_path: Path) -> None:
    """What the line still takes is taken; then it is as good as gone, and its coming back is found."""
    port = partial(open_port, str(tmp_path / "display"))
    shows = DisplayDriver("display", desk, port, DIALECTS["cd5220"], baud=10_000_000, waits=IMPATIENT)  # fills the line at once
    shows.start()
    desk.await_one(DeviceUp)
    simulated.do({"do": "stall", "on": True})
    for minor in range(1, 20_000):
        desk.show(replace(PAID, figure_minor=minor))
    for minor in range(100, 100_000, 100):
        desk.show(replace(PAID, figure_minor=minor))
        if desk.heard(DeviceDown):
            break
        time.sleep(0.002)
    assert desk.await_one(DeviceDown).code == "no_device"
    desk.show(PAID)
    simulated.do({"do": "stall", "on": False})
    until(lambda: says(simulated, "150.00 yuan", "in the machine"))
    shows.stop()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", ["split", "drop", "corrupt", "duplicate", "delay", "babble"])
def test_a_bad_wire_can_spoil_a_picture_and_never_the_driver(desk: ShowingDesk, kind: str, fault: str, seeds: Seeds) -> None:
    """The last picture stands as soon as the wire lets one through: it is sent again."""
    near, far = pair()
    luck = seeds.random(f"display wire, {kind}, {fault}")
    wires: dict[str, Port] = {
        "split": FaultyPort(near, split=True),
        "drop": FaultyPort(near, drop=0.3, seed=luck.getrandbits(32)),
        "corrupt": FaultyPort(near, corrupt=0.3, seed=luck.getrandbits(32)),
        "duplicate": FaultyPort(near, duplicate=0.3, seed=luck.getrandbits(32)),
        "delay": FaultyPort(near, delay_s=0.01),
        "babble": near,
    }
    cells, over = Cells(kind), threading.Event()

    def plays() -> None:
        chance = random.Random(luck.getrandbits(32))
        while not over.is_set():
            try:
                cells.feed(far.read_some(time.monotonic() + 0.01))
                if fault == "babble":
                    far.write(chance.randbytes(500))
            except PortLost:
                return

    playing = threading.Thread(target=plays, daemon=True)
    playing.start()
    shows = DisplayDriver("display", desk, lambda: wires[fault], DIALECTS[kind], waits=IMPATIENT)
    shows.start()
    for view in VIEWS[:20]:
        desk.show(view)
        time.sleep(0.003)
    desk.show(PAID)
    until(lambda: cells.rows[0].strip() in ("150.00", "150.00 yuan"), "the last picture")
    assert shows.alive
    shows.stop()
    over.set()
    playing.join(2)
    assert not desk.heard(DeviceDown)


def test_a_port_that_another_program_has_is_no_device(desk: ShowingDesk, simulated: DisplaySimulator, tmp_path: Path) -> None:
    first, second = driver(desk, tmp_path / "display"), driver(ShowingDesk(remember=False), tmp_path / "display")
    first.start()
    desk.await_one(DeviceUp)
    second.start()
    until(lambda: second.health().state == "no_device")
    desk.show(PAID)
    until(lambda: says(simulated, "150.00 yuan", "in the machine"))
    first.stop()
    until(lambda: second.health().state == "online")
    second.stop()


# ------------------------------------------------------------ kiosk.toml


def configured(folder: Path, device: str) -> Path:
    path = folder / "kiosk.toml"
    path.write_text(CONFIG.format(kiosk="K07", folder=folder, reader="") + device, "utf-8")
    return path


@pytest.mark.parametrize("role", ["display", "board"])
@pytest.mark.parametrize("protocol", KINDS)
def test_a_display_is_a_part_of_kiosk_toml(tmp_path: Path, desk: ShowingDesk, role: str, protocol: str) -> None:
    device = DISPLAY.format(role=role, protocol=protocol, port=tmp_path / "none") + 'options = { charset = "cp858", greeting = "Umeme" }\n'
    (part,) = load(configured(tmp_path, device)).device
    made = driver_of(part, Outfit(desk))
    assert (made.role, made.alive, made.identity(), made.health().state) == (role, False, None, "starting")
    made.stop()


def test_a_font_that_there_is_not_is_one_sentence(tmp_path: Path) -> None:
    device = DISPLAY.format(role="display", protocol="cd5220", port="/dev/none") + 'options = { charset = "klingon" }\n'
    (part,) = load(configured(tmp_path, device)).device
    with pytest.raises(PartError, match=r"the option charset is ascii or cp437"):
        driver_of(part, Outfit(ShowingDesk(remember=False)))


# ------------------------------------------------------------ the whole machine


def a_sale(world: World) -> None:
    site = world.sites["K07"]
    site.insert(world.cards["A"])
    site.feed(100_00)
    site.press("finish")
    site.phase("done")
    site.press("receipt", "none")
    site.press("finish")
    site.phase("take_card")
    site.pull()
    site.phase("attract")


def rows_of(folder: Path) -> Journal:
    place = folder / "kiosks" / "K07"
    return Journal.open(place / "store.db", open_station(place / "station.json").database_key(), create=False, read_only=True)


@pytest.mark.covers("failure-29")
def test_without_its_display_a_machine_sells_as_with_it(tmp_path: Path) -> None:
    """Where the money is, what the screen says, what the journal holds, what `kiosk explain` tells: a fault of the display, and a sale."""
    world = World(tmp_path, stack="in-process")
    site = world.sites["K07"]
    with (site.folder / "kiosk.toml").open("a") as config:
        config.write(DISPLAY.format(role="display", protocol="cd5220", port=site.folder / "dev" / "display"))
    views: list[View] = []
    site.subscribe(views.append)
    world.start()
    try:
        a_sale(world)
        display = DisplaySimulator(site.folder / "dev" / "display")
        display.start()
        until(lambda: says(display, "Welcome", "Put your card in"), "the display that was brought later")
        display.stop()
        assert world.to_meter("A").credited_minor == 100_00 - 10_00
        site.insert(world.cards["B"])
        site.feed(50_00)
        site.press("finish")
        site.phase("done")
    finally:
        world.stop()
    with rows_of(tmp_path) as journal:
        rows = list(journal.rows())
    facts = [row.fact for row in rows]
    assert [fact.denomination for fact in facts if isinstance(fact, NoteStacked)] == [100_00, 50_00]
    assert sum(isinstance(fact, SaleClosed) for fact in facts) == sum(isinstance(fact, CardVerified) for fact in facts) == 2
    ours = [fact for fact in facts if isinstance(fact, DeviceFault | DeviceRecovered) and fact.device == "display"]
    assert ours[:3] == [DeviceFault("display", "no_device"), DeviceRecovered("display"), DeviceFault("display", "no_device")]
    assert "out" not in {view.phase for view in views[1:]}
    first = next(fact.sale for fact in facts if isinstance(fact, SaleClosed))
    found = story(rows, first, "K07")
    assert found
    assert [(each.place, each.amount_minor) for each in found.holdings] == [(Place.CARD, 90_00), (Place.UTILITY, 10_00)]
    said = "\n".join(line for section in told(found, "customer", "en", Shop().rules.local) for line in section.lines)
    assert "90.00" in said
    assert "display" not in said
