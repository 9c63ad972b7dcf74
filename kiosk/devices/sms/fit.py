"""A modem of kiosk.toml becomes a driver: role modem, protocol at."""

from functools import partial

import msgspec

from kiosk.devices.contract import DeviceError, Driver
from kiosk.devices.fitting import Outfit, Part, PartError, checked_options, takes
from kiosk.devices.port import Port, open_port
from kiosk.devices.sms.driver import SmsDriver
from kiosk.devices.sms.modem import Modem, Waits

ASK = Waits(answer_s=0.6, tries=1)


class SmsOptions(msgspec.Struct, frozen=True):
    """`pin`: of the SIM card, given to it once; `pin_try`: one more whenever it is corrected, so that the new one is given once, too."""

    pin: str | int = ""
    pin_try: int = 1
    baud: int = 115_200


def ask(_part: Part, port: Port) -> str:
    """For `kiosk doctor`: does it answer, and is the SIM card open? Raises DeviceError, PortLost."""
    modem = Modem(port, ASK)
    try:
        modem.wake()
    except DeviceError:
        return "Nothing at this port answers AT."
    said = modem.says("AT+CPIN?")
    return "" if any("READY" in line or "SIM PIN" in line for line in said) else "The modem has no SIM card that can be used."


@takes(SmsOptions, ask=ask)
def modem(part: Part, outfit: Outfit) -> Driver:
    """A driver that is not started. Raises PartError, which does not repeat the PIN."""
    options = checked_options(part, SmsOptions)
    pin = str(options.pin)
    if pin and not (pin.isascii() and pin.isdecimal() and 4 <= len(pin) <= 8):
        raise PartError("device modem: the pin of a SIM card has 4 to 8 digits, in quotes.")
    opened = partial(open_port, part.port, options.baud)
    return SmsDriver(outfit.desk, opened, outfit.letter, pin=pin, pin_try=options.pin_try, port=part.port)
