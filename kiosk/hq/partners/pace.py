"""How often a partner may ask: a bucket of tokens each, filled steadily. Pure; whoever asks brings the time."""

from math import ceil

BUCKETS_MAX = 10_000


class Pace:
    """`per_s` on the long run, `burst` at once."""

    def __init__(self, per_s: float = 20.0, burst: int = 60) -> None:
        self._per_s, self._burst = per_s, float(burst)
        self._held: dict[str, tuple[float, float]] = {}

    def wait_s(self, name: str, now_s: float) -> int:
        """0, and one token is taken; or after how many whole seconds there is one."""
        left, at_s = self._held.get(name, (self._burst, now_s))
        now_s = max(now_s, at_s)
        left = min(self._burst, left + (now_s - at_s) * self._per_s)
        if name not in self._held and len(self._held) >= BUCKETS_MAX:
            self._held.clear()
        taken = left >= 1.0
        self._held[name] = (left - 1.0 if taken else left, now_s)
        return 0 if taken else max(1, ceil((1.0 - left) / self._per_s))
