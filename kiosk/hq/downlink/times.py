"""Whether this office's clock may sign: held against what its kiosks' batches said last.

What is signed carries the date of signing, and a kiosk that installs it takes that for the earliest that it can be: a signing machine whose
clock is ahead stops every kiosk that hears of it, and one that is behind signs what is soon valid no more. So somebody has to have said
lately that it is about this time; one machine is enough, and one whose clock is wrong stops nobody.
"""

from datetime import UTC, datetime

from sqlalchemy import Connection, select

from kiosk.hq.intake.ledger import OPEN
from kiosk.hq.schema import HEAD, KIOSK
from kiosk.hq.store import Store

FAR_MS = 3 * 86_400_000  # a long weekend without any post
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def doubted(store: Store, now_ms: int) -> str:
    """Why this clock should sign nothing, in sentences; "" where a kiosk has said that it is about this time, or none has said anything.

    Asked is each open kiosk's last batch, by its own clock, if that was good when it was made. Raises StoreError.
    """
    said = store.read(_said)
    if not said:
        return ""
    kiosk, at_ms = min(said, key=lambda each: abs(now_ms - each[1]))
    far_ms = now_ms - at_ms
    if abs(far_ms) <= FAR_MS:
        return ""
    way = "ahead of" if far_ms > 0 else "behind"
    return (
        f"This clock says {_date(now_ms)}, {_span(abs(far_ms))} {way} what any kiosk said last: {kiosk}, {_date(at_ms)}. "
        "Whatever is signed now tells each kiosk that it is no earlier than that."
    )


def _said(connection: Connection) -> list[tuple[str, int]]:
    both = select(KIOSK.c.id, HEAD.c.made_ms).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no)
    believed = (HEAD.c.seq > 0) & (HEAD.c.clock == "ok") & (KIOSK.c.state == OPEN)
    return [(row.id, row.made_ms) for row in connection.execute(both.where(believed).order_by(KIOSK.c.id))]


def _date(at_ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return "no date"


def _span(ms: int) -> str:
    days, hours = ms // DAY_MS, ms % DAY_MS // HOUR_MS
    return f"{days} days" + (f" and {hours} hours" if days < 10 and hours else "")
