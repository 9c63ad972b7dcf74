"""One contract for every driver: what each must be, whoever wrote it, and what the core, the file and the desk make of it."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.config import ConfigError, checked, load
from kiosk.core import Core
from kiosk.devices import contract, registry
from kiosk.devices.cctalk.bus import Refused, Silent
from kiosk.devices.contract import DeviceError, Health, Standing, Told, state_of
from kiosk.devices.fitting import Outfit, PartError
from kiosk.devices.printer import fit as printer_fit
from kiosk.devices.printer.escpos import PROFILES
from kiosk.devices.registry import checked as check_part
from kiosk.devices.registry import driver_of, maker_of
from kiosk.vend import facts as f
from kiosk.vend.seen import DeviceDown, DeviceUp
from tests.cash.desk import ListeningDesk, eventually
from tests.sale.shop import Shop

CALM_S = 8.0
ABSENT: dict[str, dict[str, str | int | bool]] = {"voice/espeak": {"program": "/nowhere/at/all"}}  # it has no port: what is not there


@dataclass
class Part:
    """A `[[device]]`."""

    role: str
    protocol: str
    port: str = "/nowhere/at/all"
    serial: str = ""
    options: dict[str, str | int | bool] = field(default_factory=dict)


def part(name: str, **options: str | int | bool) -> Part:
    role, _, protocol = name.partition("/")
    return Part(role, protocol, options=dict(options))


# ---------------------------------------------------------------- every driver of ours


@pytest.fixture(params=sorted(registry.BUILT_IN))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.covers("failure-20")
def test_a_driver_of_ours_obeys_the_contract_while_its_device_is_not_there(name: str) -> None:
    desk = ListeningDesk()
    driver = driver_of(part(name), Outfit(desk))
    assert driver.role == name.partition("/")[0]
    assert not driver.alive
    assert driver.identity() is None
    assert driver.health().state == "starting"
    driver.stop(1.0)  # never started
    driver = driver_of(part(name, **ABSENT.get(name, {})), Outfit(desk))
    driver.start()
    try:
        eventually(lambda: driver.alive and not driver.health().works and driver.health().state != "starting")
        assert driver.health().since_ms > 1_700_000_000_000
        assert driver.identity() is None
        eventually(lambda: desk.told)  # pushed, not only kept
        told = len(desk.told)
        time.sleep(0.6)
        assert len(desk.told) == told, "the same trouble is told once"
    finally:
        begun = time.monotonic()
        driver.stop(CALM_S)
        assert not driver.alive, f"it did not end in {time.monotonic() - begun:.1f} s"
        driver.stop(1.0)


def test_an_option_that_it_has_not_or_that_says_nothing_is_one_sentence(name: str) -> None:
    with pytest.raises(PartError, match=f"^device {name.partition('/')[0]}: sparkle is no option of {name}; .*[.?]$"):
        driver_of(part(name, sparkle=True), Outfit(ListeningDesk()))
    assert maker_of(part(name)).options()  # all have defaults


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (part("coins/cctalk", mode="crx"), "device coins: the option mode is checksum or crc, not 'crx'."),
        (part("coins/cctalk", echo="no"), "device coins: the option echo is true or false, not 'no'."),
        (part("coins/cctalk", modus="crc"), "device coins: modus is no option of coins/cctalk; did you mean mode?"),
        (part("printer/escpos", x=1), "device printer: x is no option of printer/escpos; it has profile."),
        (part("printer/escpoz"), "device printer: there is no driver printer/escpoz; did you mean escpos?"),
        (part("coins/essp"), "device coins: there is no driver coins/essp; there is coins/cctalk."),
    ],
)
def test_what_is_wrong_with_a_device_in_the_file_is_said_with_what_would_be_right(given: Part, sentence: str) -> None:
    with pytest.raises(PartError) as refused:
        check_part(given)
    assert str(refused.value) == sentence


def test_the_printers_profiles_are_those_of_its_option() -> None:
    assert set(printer_fit.Profile.__args__) == set(PROFILES)  # type: ignore[attr-defined]


def test_the_core_says_it_as_an_error_of_the_file(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["init", str(tmp_path), "--id", "K07"])
    text = (tmp_path / "kiosk.toml").read_text().replace('protocol = "escpos"', 'protocol = "escpos"\noptions = { profile = "81mm" }')
    (tmp_path / "kiosk.toml").write_text(text)
    with pytest.raises(ConfigError, match="the option profile is 80mm or 58mm or"):
        Core(load(tmp_path / "kiosk.toml"))


def test_a_machine_has_one_device_of_each_role() -> None:
    device = {"role": "coins", "protocol": "cctalk", "port": "/dev/coins"}
    with pytest.raises(ConfigError, match="two devices are coins"):
        checked({"kiosk": {"id": "K07"}, "device": [device, device]})
    with pytest.raises(ConfigError, match="protocol"):
        checked({"kiosk": {"id": "K07"}, "device": [device | {"protocol": "../evil"}]})


# ---------------------------------------------------------------- health and errors


def test_a_code_stands_for_one_of_xfs4iots_states() -> None:
    said = {code: state_of(code) for code in ("", "low", "out", "swapped", "fraud-20", "fault-38", "jammed", "offline", "driver")}
    assert said == {
        "": "online",
        "low": "degraded",
        "out": "user_error",
        "swapped": "user_error",
        "fraud-20": "fraud",
        "fault-38": "hardware_error",
        "jammed": "hardware_error",
        "offline": "offline",
        "driver": "hardware_error",
    }
    assert [Health(state).works for state in ("busy", "degraded", "starting", "fraud")] == [True, True, False, False]


def test_health_keeps_when_it_began_and_is_told_only_when_it_changes() -> None:
    clock = iter((1.0, 2.0, 3.0, 4.0, 5.0))
    standing = Standing(lambda: next(clock))
    assert standing.becomes("offline", "no_device")
    assert not standing.becomes("offline", "no_device")
    assert standing.health == Health("no_device", "offline", 2000)
    assert standing.becomes("offline")
    told: list[object] = []
    device = Told("display", told.append)
    for _ in range(3):
        device.down("offline")
    for _ in range(3):
        device.up("77", "2 x 20")
    assert told == [DeviceDown("display", "offline"), DeviceUp("display", "77", "2 x 20")]


def test_what_may_have_happened_is_an_errors_own_word() -> None:
    kinds = {kind for kind in vars(contract).values() if isinstance(kind, type) and issubclass(kind, DeviceError)}
    tree = DeviceError.__doc__ or ""
    assert all(kind.__name__ in tree for kind in kinds), "one tree in one docstring"
    assert not DeviceError("x").maybe_done
    assert contract.Jam("x", maybe_done=True).maybe_done
    assert Silent("no answer").maybe_done
    assert not Refused("NAK").maybe_done
    assert isinstance(Silent("x"), contract.DeviceTimeout)


# ---------------------------------------------------------------- the desk


def test_a_comfort_that_fails_is_a_row_once_and_another_when_it_is_well_and_no_sale_ends_for_it() -> None:
    shop = Shop()
    for seen in (DeviceDown("display", "offline"), DeviceDown("display", "offline"), DeviceUp("display"), DeviceUp("display")):
        shop.tell(seen)
    said = [fact for fact, _ in shop.rows if isinstance(fact, f.DeviceFault | f.DeviceRecovered)]
    assert said == [f.DeviceFault("display", "offline"), f.DeviceRecovered("display")]
    shop.tell(DeviceDown("display", "offline"))
    shop.tell(DeviceDown("display", "driver"))
    assert shop.state.faults["display"] == "driver"
