"""Which card layout `[card] profile` names. Ours stands here; anyone else's is an entry point of the group `kiosk.card_profiles`.

The entry point's name is the profile's name, and what it names is an object of `vend.card.reading.Profile` that says, beside, which writes
a sale makes (`writes`), so that the vault makes a MAC for no other (docs/drivers.md). None takes the place of one of ours.
"""

import difflib
import re
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from kiosk.devices.vault.purse import LAYOUTS, WALLET_BYTES, Layout
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.card.reading import Profile

GROUP = "kiosk.card_profiles"
BUILT_IN: dict[str, Profile] = {PROFILE.name: PROFILE}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
CALLED = ("parse", "judge", "arm", "plan", "commit")
FILE_MAX, BYTES_MAX = 30, 250  # a short file identifier; what one UPDATE with MAC carries


class ProfileError(Exception):
    """A card profile cannot be used; the text is one sentence for whoever wrote kiosk.toml."""


def names() -> tuple[str, ...]:
    """Every profile that there is."""
    return tuple(sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def every() -> list[Profile]:
    """All of them, ours first. Raises ProfileError."""
    return [*BUILT_IN.values(), *(profile_of(name) for name in names() if name not in BUILT_IN)]


def profile_of(name: str) -> Profile:
    """The profile of that name. Raises ProfileError: there is none, two claim it, or what the package brings is none."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise ProfileError(f"there is no card profile {name}{_instead(name)}")
    if len(found) > 1:
        raise ProfileError(f"{' and '.join(sorted(_package(one) for one in found))} both bring a card profile {name}.")
    try:
        loaded: Any = found[0].load()
        wrong = _wrong(name, loaded)
    except Exception as error:  # noqa: BLE001 - whatever somebody else's package does wrong when it is loaded
        raise ProfileError(f"the card profile {name} of {_package(found[0])} does not load: {type(error).__name__}: {error}.") from None
    if wrong:
        raise ProfileError(f"the card profile {name} of {_package(found[0])} cannot be used: {wrong}.")
    profile: Profile = loaded
    return profile


def brought(profile: Profile) -> Layout | None:
    """The writes that the vault may make MACs for, of a profile that is not ours; the wallet is the first."""
    if profile.name in LAYOUTS:
        return None
    writes: Any = getattr(profile, "writes", ())
    return Layout(frozenset(tuple(write) for write in writes), tuple(writes[0]))


def _wrong(name: str, loaded: Any) -> str:
    """Why this is no profile, as the end of a sentence; "" where it is one."""
    missing = [each for each in CALLED if not callable(getattr(loaded, each, None))]
    if isinstance(loaded, type) or missing:
        return f"it has no {missing[0]}()" if missing else "it is a class, not an object"
    if loaded.name != name or not NAME.fullmatch(name):
        return f"it calls itself {loaded.name!r}"
    if not loaded.reads or not all(0 < spec.file <= FILE_MAX and spec.length > 0 for spec in loaded.reads):
        return "its reads are no files"
    if len(loaded.steps) < 2 or loaded.steps[0] != "arm" or loaded.steps[-1] != "commit":
        return "its steps do not begin with arm and end with commit"
    writes = [tuple(write) for write in loaded.writes]
    if not writes or any(len(w) != 3 or not (0 < w[0] <= FILE_MAX and 0 <= w[1] <= 255 and 0 < w[2] <= BYTES_MAX) for w in writes):
        return "its writes are not (file, offset, length)"
    if writes[0][2] != WALLET_BYTES:
        return "the first of its writes is not the wallet of 8 bytes"
    return ""


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _instead(name: str) -> str:
    close = difflib.get_close_matches(name, names(), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else f"; there is {', '.join(names())}."
