"""What the commands that sign share: this machine's clock, held against what the kiosks said last."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from kiosk.commands import say
from kiosk.commands.hq_store import place

if TYPE_CHECKING:
    from kiosk.hq.office import Office

Sure = Annotated[
    bool,
    typer.Option(
        "--clock-is-right",
        help="Sign though no kiosk's last batch is within three days of this clock: whoever hears of it sells nothing before this date.",
    ),
]


class Clock(NamedTuple):
    """What the clock of this machine is held against, unless somebody answers for it."""

    database: str
    sure: bool

    def checked(self, office: "Office", now_ms: int, *, dry: bool = False) -> None:
        """Raises OfficeError where no kiosk has lately said that it is about this time; a draft only says so."""
        from kiosk.hq.downlink.times import doubted
        from kiosk.hq.office import OfficeError
        from kiosk.hq.store import Store, StoreError

        where = place(office, self.database)
        if self.sure:
            return
        if not self.database and not Path(where).exists():
            say("No batches are here to hold this clock against; --store names them.", err=True)
            return
        try:
            with closing(Store.open(where, office.record.utility)) as store:
                why = doubted(store, now_ms)
        except StoreError as error:
            raise OfficeError(str(error)) from None
        if why and not dry:
            raise OfficeError(f"{why} Nothing was signed: set the clock, or answer for it with --clock-is-right.")
        if why:
            say(why)
