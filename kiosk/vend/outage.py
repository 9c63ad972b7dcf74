"""What a customer has not while a device is down: one table, for code, screens, `kiosk doctor` and the documents."""

from typing import Literal

import msgspec

Service = Literal["notes", "coins", "cash", "bank", "buying", "balance", "paper", "text", "aloud", "glance"]


class Outage(msgspec.Struct, frozen=True):
    """One device. `lost`: the services that go with it; `stops`: nothing can be bought any more, whatever else works.

    Its sentences, in every language: `outage.costs.DEVICE`, what the customer has not, and `outage.look.DEVICE`, what staff look at.
    """

    device: str
    lost: tuple[Service, ...]
    stops: bool = False

    @property
    def costs(self) -> str:
        """The key of what the customer has not."""
        return f"outage.costs.{self.device}"

    @property
    def look(self) -> str:
        """The key of what staff look at."""
        return f"outage.look.{self.device}"


OUTAGES: dict[str, Outage] = {
    outage.device: outage
    for outage in (
        Outage("reader", ("buying", "balance"), stops=True),
        Outage("notes", ("notes",)),
        Outage("coins", ("coins",)),
        Outage("terminal", ("bank",)),
        Outage("printer", ("paper",)),
        Outage("modem", ("text",)),
        Outage("voice", ("aloud",)),
        Outage("display", ("glance",)),
        Outage("board", ("glance",)),
    )
}
"""By device, those that cost most first."""


def of(device: str) -> Outage:
    """A device's row; one that is in no table costs the customer nothing that is known."""
    return OUTAGES.get(device) or Outage("other", ())
