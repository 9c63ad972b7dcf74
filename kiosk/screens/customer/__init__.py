"""The customer's screens, a file a phase: each says what is seen and what may be pressed, and draws nothing."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from kiosk import words
from kiosk.screens.customer import (
    account,
    amount,
    attract,
    bank,
    claim,
    code,
    done,
    help,  # noqa: A004 - the key says Help
    insert,
    interrupted,
    out,
    phone,
    qr,
    reading,
    refused,
    still,
    take_card,
    unsure,
    writing,
)
from kiosk.screens.scene import STATIONS, Scene
from kiosk.vend.view import View

PHASES: Mapping[str, Callable[[View], Scene]] = {
    "attract": attract.seen,
    "reading": reading.seen,
    "account": account.seen,
    "amount": amount.seen,
    "bank": bank.seen,
    "code": code.seen,
    "insert": insert.seen,
    "writing": writing.seen,
    "done": done.seen,
    "qr": qr.seen,
    "phone": phone.seen,
    "unsure": unsure.seen,
    "claim": claim.seen,
    "refused": refused.seen,
    "take_card": take_card.seen,
    "still": still.seen,
    "interrupted": interrupted.seen,
    "out": out.seen,
}


def scene_of(view: View, *, helping: bool = False) -> Scene:
    """What a View looks like; `helping`: the help of its phase."""
    scene = PHASES[view.phase](view)
    scene = help.over(view, scene) if helping else scene
    return replace(scene, station=words.text(view.language, f"station.{scene.place}")) if scene.place in STATIONS else scene
