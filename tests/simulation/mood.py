"""What sort of world a seed makes: how large it is, and which faults it has how often."""

from random import Random
from typing import NamedTuple

from tests.simulation import errands, street


class Size(NamedTuple):
    """How much world there is."""

    kiosks: int
    homes: int


class Mood:
    """Which faults this world has, and how often: each seed leaves some out, so that the others meet more often."""

    def __init__(self, chance: Random) -> None:
        def some(weights: dict[str, float]) -> dict[str, float]:
            return {name: weight * chance.choice((0, 1, 1, 3)) for name, weight in weights.items()}

        self.trouble = chance.choice((0.01, 0.03, 0.06))
        self.troubles = some({name: weight for name, (weight, _) in street.TROUBLES.items()}) | {"the power fails": 1.0}
        self.errands: dict[str, float] = dict(errands.CALM) | some(errands.FAULTY)
        self.torn = chance.choice((0.0, 1.0, 3.0))
        self.note = chance.choice(street.NOTES)  # most people pay just this: sales of one amount can be taken for one another
        self.size = Size(chance.choice((2, 3)), chance.choice((1, 2, 4)))
