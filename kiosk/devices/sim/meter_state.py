"""What a prepayment meter remembers: a JSON file beside the card's, and nothing else of the meter is state.

Money inside is in 10^-6 yuan (`_micro`), on cards and in settings in 0.01 yuan (`_minor`); prices are in 10^-4 yuan a kWh,
energy in watt-seconds (`_ws`).
"""

import datetime as dt
from pathlib import Path
from typing import Literal

import msgspec

from kiosk.devices.sim import crypto
from kiosk.devices.sim.card_files import NONE_TIME
from kiosk.devices.sim.image import ImageError

MICRO_PER_MINOR = 10_000
DAY = (8 * 60, 2), (22 * 60, 4)  # peak from 08:00, valley from 22:00 and past midnight


class TierSet(msgspec.Struct, frozen=True):
    """Tier i runs while the energy since the last settlement is at most limit i; its adder comes on top of the TOU price."""

    limits: tuple[int, ...] = ()  # 0.01 kWh
    adders: tuple[int, ...] = (0, 500, 3000)
    settlements: tuple[str, ...] = ("010100",)  # MMDDhh; month ff in the first = every month


class MeterState(msgspec.Struct, forbid_unknown_fields=True):
    """One meter. The defaults are the firmware's."""

    number: str  # 12 digits
    utility: int
    key: str  # METERKEY, hex
    clock: dt.datetime  # local and simulated
    v: Literal[1] = 1
    suite: Literal["aes128"] = "aes128"
    edition: Literal[2009, 2013] = 2013  # which refusals count as illegal cards
    opened: bool = False
    customer: str = ""
    bound: str = ""  # serial of the card that it answers to
    count: int = 0  # purchase count
    balance_micro: int = 0  # negative when overdrawn
    cost_rest: int = 0  # of the last 10^-6 yuan, in 1/36000
    illegal: int = 0
    user_type: int = 0
    ct: int = 1
    pt: int = 1
    alarm1_minor: int = 20_00
    alarm2_minor: int = 5_00
    overdraft_minor: int = 0
    hoarding_minor: int = 999_999_99
    close_allowed_minor: int = 0
    load_limit_w: int = 0  # 0 = none
    voltage_v: int = 220
    nominal_v: int = 220
    energy_ws: int = 0  # total
    tier_ws: int = 0  # since the last tier settlement
    day: tuple[tuple[int, int], ...] = DAY  # (minute of the day, rate number) in order; the last one runs past midnight
    tou: tuple[int, ...] = (5000,) * 4
    tou_standby: tuple[int, ...] = (5000,) * 4
    tou_switch: str = NONE_TIME
    tiers: TierSet = TierSet()
    tiers_standby: TierSet = TierSet()
    tier_switch: str = NONE_TIME
    standing: str = "overdrawn"  # row of the relay table
    tripped: str = "overdrawn"  # the row that opened the relay; "" = the balance lets it close
    load_trip: bool = False  # the load opened it: another reason, told apart
    credits: tuple[tuple[int, int, str], ...] = ()  # the simulator's own book: count, amount, and the mark beside it, of each purchase

    @property
    def closed(self) -> bool:
        """Supply is on."""
        return not self.tripped and not self.load_trip


def new(masters: crypto.Masters, number: str, clock: dt.datetime) -> MeterState:
    """A meter as it is mounted: keyed for its number, not opened, nothing on it, so supply is off."""
    key = crypto.derive(masters.meter, crypto.meter_identity(number), masters.utility, crypto.METER)
    return MeterState(number=number, utility=masters.utility, key=key.hex(), clock=clock)


def load(path: Path) -> MeterState:
    """Read and check a meter file; ImageError says what is wrong with it."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=MeterState)
        if len(bytes.fromhex(state.key)) != 16 or len(bytes.fromhex(state.number)) != 6:
            raise ImageError(f"{path}: the key has 16 bytes and the number 12 digits")
    except OSError as e:
        raise ImageError(f"{path}: {e.strerror}") from None
    except msgspec.MsgspecError as e:
        raise ImageError(f"{path} is not a meter: {e}") from None
    except ValueError as e:
        raise ImageError(f"{path} is not a meter: {e}") from None
    return state
