"""A hand at the demo's kiosk: it presses what the screen offers, and waits for what it does not offer yet."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.config import load
from kiosk.demo.site import DemoError, Site
from kiosk.vend.seen import Choice
from kiosk.vend.view import Offer, View


class Heard:
    """A kiosk that only listens. Implements `site.Running`."""

    def __init__(self) -> None:
        self.told: list[Choice] = []

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self.show = callback

    def tell(self, choice: Choice) -> None:
        self.told.append(choice)

    def stop(self) -> None: ...

    def cut(self) -> None: ...


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Site, Heard]]:
    made, heard = Site(tmp_path, "K07", tmp_path / "papers", None), Heard()
    heard.subscribe(made._show)
    made.running = heard
    yield made, heard
    made.stop()


def test_a_receipt_on_paper_is_asked_for_when_the_screen_offers_paper_and_not_before(site: tuple[Site, Heard]) -> None:
    hand, kiosk = site
    kiosk.show(View("done", rev=1, offers=(Offer("receipt", "none"), Offer("finish"))))
    pressing = threading.Thread(target=hand.press, args=("receipt", "paper"))
    pressing.start()
    pressing.join(0.2)
    assert (pressing.is_alive(), kiosk.told) == (True, [])
    kiosk.show(View("done", rev=2, offers=(Offer("receipt", "paper"), Offer("receipt", "none"), Offer("finish"))))
    pressing.join(10)
    assert kiosk.told == [Choice(2, "receipt", "paper")]


def test_digits_go_where_the_screen_wants_something_typed(site: tuple[Site, Heard]) -> None:
    hand, kiosk = site
    kiosk.show(View("code", rev=3, offers=(Offer("code", "typed"), Offer("cancel"))))
    hand.press("code", "2" * 20)
    assert kiosk.told == [Choice(3, "code", "2" * 20)]


def test_what_never_comes_is_one_sentence(site: tuple[Site, Heard]) -> None:
    hand, kiosk = site
    kiosk.show(View("attract"))
    with pytest.raises(DemoError, match="K07: waited for nothing of the kind, but it shows"):
        hand.until(lambda view: view.phase == "done", 0.05, "nothing of the kind")


def test_a_kiosk_with_a_line_has_it_in_its_configuration_and_one_without_has_the_roots_alone(site: tuple[Site, Heard]) -> None:
    hand, _ = site
    roots = "a" * 64, "b" * 64
    hand.sends(roots)
    without = load(hand.folder / "kiosk.toml")
    assert (without.keys.root, without.sync.carries(), without.demo_keys()) == (roots, False, True)
