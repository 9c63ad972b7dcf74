"""How a `[[device]]` of kiosk.toml becomes a driver: the part as it is written, the outfit that the machine lends, and the options between.

@takes(DisplayOptions, ask=ask_display)
def make(part: Part, outfit: Outfit) -> Driver:
    options = checked_options(part, DisplayOptions)
    return DisplayDriver(outfit.desk, partial(open_port, part.port), columns=options.columns)
"""

import difflib
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, Union, get_args, get_origin

import msgspec

from kiosk.devices.contract import Driver
from kiosk.devices.port import Port
from kiosk.vend.money import CNY, Currency
from kiosk.vend.ports import Desk
from kiosk.vend.sms import Letter
from kiosk.vend.view import View


class PartError(Exception):
    """A `[[device]]` of kiosk.toml cannot be used; the text is one sentence for whoever wrote it."""


# ---------------------------------------------------------------- what a driver is made of


class Part(Protocol):
    """A `[[device]]` of kiosk.toml."""

    @property
    def role(self) -> str:
        """See Driver."""

    @property
    def protocol(self) -> str:
        """What it speaks: with the role, the name of its driver."""

    @property
    def port(self) -> str:
        """For `port.open_port`."""

    @property
    def serial(self) -> str:
        """The first serial that staff enrolled; "" takes the first that comes."""

    @property
    def options(self) -> Mapping[str, str | int | bool]:
        """What the driver declares beside: see `takes`."""


@dataclass(frozen=True)
class Outfit:
    """What the machine lends a driver. A new need is a new field with a default, so that nobody else's driver has to know.

    `sign`: Station.sign; `says`: what a screen reads aloud, in order, in the language that `View.language` names; `hears(callback)`: call
    back with what the screen asks of a voice (`voice.speech`), from any thread; `letter(ref)`: number and text of a text message.
    """

    desk: Desk
    sign: Callable[[str, bytes], bytes] | None = None
    currency: Currency = CNY
    says: Callable[[View], Sequence[str]] = lambda _view: ()
    hears: Callable[[Callable[[str], None]], None] = lambda _callback: None
    letter: Callable[[str], Letter | None] = lambda _ref: None


class NoOptions(msgspec.Struct, frozen=True):
    """Of a driver that needs none."""


Ask = Callable[[Part, Port], str]
"""For `kiosk doctor`, while no kiosk runs: asks the device behind an open port how it is. "" or a sentence that says what is wrong. It
changes nothing, ends within two seconds and may raise DeviceError and PortLost."""

Options = TypeVar("Options", bound=msgspec.Struct)
_Make = Callable[[Part, Outfit], Driver]


@dataclass(frozen=True)
class Maker:
    """What the registry finds under ROLE/PROTOCOL: makes a driver, after the options were checked. Raises PartError.

    `by_port`: what the file calls `port` is one; a voice's is the name of a sound device.
    """

    make: _Make
    options: type[msgspec.Struct] = NoOptions
    ask: Ask | None = None
    by_port: bool = True

    def __call__(self, part: Part, outfit: Outfit) -> Driver:
        """A driver that is not started."""
        checked_options(part, self.options)
        return self.make(part, outfit)


def takes(options: type[msgspec.Struct] = NoOptions, *, ask: Ask | None = None, by_port: bool = True) -> Callable[[_Make], Maker]:
    """Declares what a `make(part, outfit)` finds in `part.options`: a struct whose fields all have defaults.

    `checked_options(part, Options)` gives them to it, typed.
    """
    return lambda make: Maker(make, options, ask, by_port)


def checked_options(part: Part, options: type[Options]) -> Options:
    """The part's options as values. Raises PartError with a sentence that names the nearest option, or what is allowed."""
    fields = {field.name: field for field in msgspec.structs.fields(options)}
    for name, value in part.options.items():
        if name not in fields:
            raise PartError(f"device {part.role}: {name} is no option of {part.role}/{part.protocol}{_nearest(name, fields)}")
        try:
            msgspec.convert(value, fields[name].type)
        except msgspec.ValidationError:
            raise PartError(f"device {part.role}: the option {name} is {_allowed(fields[name].type)}, not {value!r}.") from None
    return msgspec.convert(dict(part.options), options)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.4)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; it has {', '.join(known)}." if known else "; it has none."


def _allowed(kind: Any) -> str:
    """A type in words: "checksum or crc", "a whole number", "text", "true or false"."""
    if get_origin(kind) is Literal:
        return " or ".join(str(word) for word in get_args(kind))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_allowed(one) for one in get_args(kind) if one is not type(None))
    if get_origin(kind) is not None:  # Annotated, with its bounds
        return f"{_allowed(get_args(kind)[0])} within its bounds"
    return {int: "a whole number", str: "text", bool: "true or false", float: "a number"}.get(kind, "something else")
