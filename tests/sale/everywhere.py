"""A shop standing in each phase that there is, as a customer gets there: for what must hold on every screen."""

from collections.abc import Callable, Mapping

from kiosk.vend import seen
from kiosk.vend.sms import Texts
from tests.sale.shop import Card, Shop

LANGUAGES = ("en", "zh", "fr", "sw")


def shop(printer: str = "ok") -> Shop:
    """A kiosk that speaks four languages."""
    return Shop(languages=LANGUAGES, printer=printer)


def with_card(printer: str = "ok") -> Shop:
    here = shop(printer=printer)
    here.insert(Card())
    return here


def paid(printer: str = "ok") -> Shop:
    here = with_card(printer=printer)
    here.feed(100_00)
    return here


def landed(printer: str = "ok") -> Shop:
    here = paid(printer=printer)
    here.press("finish")
    return here


def out() -> Shop:
    here = shop()
    here.tell(seen.AcceptorDown("notes", "jammed"))
    here.tell(seen.AcceptorDown("coins", "jammed"))
    return here


def reading() -> Shop:
    here = shop()
    here.tell(seen.CardIn("t9", "3b00"))
    return here


def insert_empty() -> Shop:
    here = with_card()
    here.press("tender", "cash")
    return here


def asked_to_stop() -> Shop:
    here = paid()
    here.press("stop")
    return here


def checking() -> Shop:
    here = with_card()
    here.feed(100_00, stack=False)
    return here


def still(here: Shop) -> Shop:
    while here.view.phase != "still":
        here.wait(0.5)
    return here


def writing() -> Shop:
    here = paid()
    here.press("finish", work=False)
    return here


def printed() -> Shop:
    here = landed()
    here.press("receipt", "paper")
    return here


def receipt_code() -> Shop:
    here = landed()
    here.press("receipt", "qr")
    return here


def unsure() -> Shop:
    here = paid()
    here.pull()
    return here


def claim(printer: str = "ok") -> Shop:
    here = paid(printer=printer)
    here.pull()
    here.press("no_card")
    return here


def slip_code() -> Shop:
    here = claim()
    here.press("receipt", "qr")
    return here


def interrupted() -> Shop:
    here = paid()
    here.start(acceptors=False)
    return here


def refused() -> Shop:
    here = shop()
    here.tell(seen.CardIn("t9", "3b00"))
    here.tell(seen.CardBad("t9", "mute"))
    return here


def take_card() -> Shop:
    here = with_card()
    here.press("cancel")
    return here


def amount() -> Shop:
    here = shop()
    here.tell(seen.PosUp("terminal", "29000274"))
    here.insert(Card())
    here.press("tender", "bank")
    return here


def at_the_terminal() -> Shop:
    here = amount()
    here.press("finish")
    return here


def code() -> Shop:
    here = with_card()
    here.press("tender", "code")
    return here


def phone() -> Shop:
    here = Shop(languages=LANGUAGES, texts=Texts(country="254"))
    here.insert(Card())
    here.feed(100_00)
    here.press("finish")
    here.press("sms")
    return here


EVERYWHERE: Mapping[str, tuple[str, Callable[[], Shop]]] = {  # name -> (phase, how to get there)
    "attract": ("attract", shop),
    "out": ("out", out),
    "reading": ("reading", reading),
    "account": ("account", with_card),
    "amount": ("amount", amount),
    "bank": ("bank", at_the_terminal),
    "code": ("code", code),
    "insert, empty": ("insert", insert_empty),
    "insert, checking": ("insert", checking),
    "insert": ("insert", paid),
    "insert, stop?": ("insert", asked_to_stop),
    "still, empty": ("still", lambda: still(with_card())),
    "still": ("still", lambda: still(paid())),
    "writing": ("writing", writing),
    "done": ("done", landed),
    "done, printed": ("done", printed),
    "done, no paper": ("done", lambda: landed(printer="out")),
    "qr, receipt": ("qr", receipt_code),
    "qr, slip": ("qr", slip_code),
    "phone": ("phone", phone),
    "unsure": ("unsure", unsure),
    "claim": ("claim", claim),
    "claim, no paper": ("claim", lambda: claim(printer="out")),
    "interrupted": ("interrupted", interrupted),
    "refused": ("refused", refused),
    "take_card": ("take_card", take_card),
}
