"""The screens by ear: what is heard is what is painted, in the order of a pad, and enough to act on."""

from kiosk.screens.canvas import Frame
from kiosk.screens.customer import scene_of
from kiosk.screens.palette import TRUE
from kiosk.screens.rows import rows
from kiosk.screens.samples import SAMPLES
from kiosk.screens.scene import says
from kiosk.screens.size import L

PAD = ("1", "2", "3", "4", "5", "6", "CLEAR", "0", "ENTER")


def written(frame: Frame) -> str:
    """All text of a screen, its rows one after the other."""
    return " ".join(" ".join("".join(text for text, _ in row).split()) for row in frame.rows).replace(": ", " ")


def test_what_is_heard_is_painted() -> None:
    """Word for word, but for the poster, which is painted as blocks; the amount stands in letters in the tab."""
    for name, sample in SAMPLES.items():
        scene = scene_of(sample.view, helping=sample.helping)
        painted = written(rows(sample.view, sample.clock, L, TRUE, helping=sample.helping))
        for line in says(scene):
            key, _, label = line.partition(": ")
            heard = label.rstrip(".") if key in PAD else line.replace(": ", " ").rstrip(".")
            heard = heard.removesuffix(f" {scene.currency}") if scene.figure in heard else heard  # its word stands at the blocks
            assert line == f"{scene.poster}." or " ".join(heard.split()) in painted, (name, line)


def test_a_sale_can_be_followed_by_ear() -> None:
    *spoken, clear, help_, enter = says(scene_of(SAMPLES["insert"].view))
    assert spoken == [
        "150.00 is in. Put in more, or press ENTER.",
        "No change. All of it goes on your card.",
        "Fixed fee: 5.00.",
        "Old debt: 5.00.",
        "To card: 140.00.",
        "Energy: 241.9 kWh.",
        "You can add up to 350.00 more",
    ]
    assert (clear, enter) == ("CLEAR: Stop.", "ENTER: Put 140.00 on my card.")
    assert help_.startswith("0: Help")
