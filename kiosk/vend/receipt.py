"""Papers as values."""
import msgspec


class Paper(msgspec.Struct, frozen=True):
    """A paper."""
    kind: str
