"""A screen by ear, for a voice: what `says` reads of it, and the keys that are there for whoever listens.

The keys are those of a number pad that no screen uses; a headphone module with keys of its own sends them.
"""

from kiosk.screens.customer import PHASES, scene_of
from kiosk.screens.scene import says
from kiosk.vend.view import View

KEYS = {"asterisk": "again", "plus": "louder", "minus": "softer"}  # Textual's name -> what the voice is asked
HELPING, SHOWING = "help", "screen"


def spoken(view: View) -> tuple[str, ...]:
    """The screen of a View in its language. Help (`params["helping"]`) and typed digits are heard where the screen has told of them; a
    maintenance screen is silent, and so is one that is not known here."""
    if view.staff or view.phase not in PHASES:
        return ()
    return says(scene_of(view, helping=bool(view.params.get("helping"))))
