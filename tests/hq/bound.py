"""A registry of cards that is a list: for tests of orders that are not about the registry."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from kiosk.hq.cards.registry import Binding, OfMeter


class Bound:
    """Implements `cards.registry.Bindings`. `found`: whatever stands now, the oldest first."""

    def __init__(self, *bindings: Binding, found: Callable[[], Sequence[Binding]] | None = None) -> None:
        self._found = found or (lambda: bindings)

    @contextmanager
    def held(self) -> Iterator[OfMeter]:
        yield lambda utility, meter: [each for each in self._found() if (each.utility, each.meter) == (utility, meter)]
