"""The state as a checkpoint holds it, and back. What stands before the machine (`here`) is no part of it: a start begins that anew.

Field by field, because `here` holds what no decoder needs to know, and because a state of other software is seen by its fields: it is not
read, and the rows are folded from further back.
"""

from typing import Any, get_type_hints

import msgspec

from kiosk.vend.state import State

FIELDS: dict[str, Any] = {name: form for name, form in get_type_hints(State).items() if name != "here"}
_READ = {name: msgspec.json.Decoder(form) for name, form in FIELDS.items()}
_encode = msgspec.json.Encoder().encode


def freeze(state: State) -> bytes:
    """JSON, an object of the fields."""
    return _encode({name: getattr(state, name) for name in FIELDS})


def thaw(frozen: bytes) -> State | None:
    """The same state with nothing before the machine; None for one that other software froze."""
    try:
        said = msgspec.json.decode(frozen, type=dict[str, msgspec.Raw])
        if said.keys() != FIELDS.keys():
            return None
        return State(**{name: _READ[name].decode(said[name]) for name in FIELDS})
    except msgspec.MsgspecError:
        return None
