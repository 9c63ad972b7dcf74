"""What staff's simulated cards have in common: they are put in and pulled, and forget whatever was proved when the power goes."""

from kiosk.devices.sim.faults import CardPulled


class Inserted:
    """A card with a PIN, at its contacts. A kind says its `atr`, its `name`, and what `_forget` forgets. One owner, or a lock."""

    atr: bytes
    name: str
    _selected: bool  # its application
    _right: bool  # the PIN was
    _pending: bytes  # what GET RESPONSE gives

    def __init__(self) -> None:
        self.present = True
        self._forget()

    def insert(self) -> bytes:
        """Into the contacts. Returns the ATR."""
        self.present = True
        return self.reset()

    def pull(self) -> None:
        """Out of them: the PIN is forgotten."""
        self.present = False
        self._forget()

    def reset(self) -> bytes:
        """Cold or warm. Returns the ATR; CardPulled when it is out."""
        self._touched()
        self._forget()
        return self.atr

    def _touched(self) -> None:
        """CardPulled when it is out."""
        if not self.present:
            raise CardPulled(f"the {self.name} is not in the reader")

    def _forget(self) -> None:
        raise NotImplementedError
