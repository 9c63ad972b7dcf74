"""One View of each screen, as the desk would publish it: for pictures, and for the tests that walk all screens."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from kiosk.screens.rows import Clock
from kiosk.vend.view import Line, Offer, Value, View


class Sample(NamedTuple):
    """A View at one moment of its life."""

    view: View
    clock: Clock = Clock("14:32")
    helping: bool = False


NOTES, COINS = (1000, 2000, 5000, 10000), (100,)
CARD: dict[str, Value] = {"card_tail": "7730", "meter_tail": "4821", "phone": "0800 123 456"}
SPLIT = (Line("fixed_fee", 500), Line("old_debt", 500), Line("to_card", 14000), Line("energy", 241930, unit="wh"))
PAID = (Line("paid", 15000), Line("deductions", -1000), Line("energy", 241930, unit="wh"), Line("purchase_no", text="18-2"))
# a receipt and a slip as a kiosk of the test key (32 zero bytes) signs them
RECEIPT_CODE = (
    "K1:AEAUWMBXAAAAAAAAAAAAA6QAAA3LA5ZQAAAAAACIEEAAAAASAAAAAADK5GABYDMCKKPVVUFDGRGKNA5XY"
    "D2A6X6OB4OUDT5A6YURBKO3646FQFHVEYV3RAXGT5WCR62FBY7UEQJYD2TKRQLLTR4FJWMU7ATHYS3KN4HA"
)
SLIP_CODE = (
    "K1:AEBEWMBXAAAAAAAAAAAAA6YAAA5JQ5ZQAAAAAACIEEAAAAASAAAAAADK5GANAAIAAAAAAAAAACTQAAASM"
    "4ABCIRTIRKWM53I5VU4ECEOXGYMW6ZU2ZRCNQTFLQ7YC4ZFDFVXZP4QDJASB6WVYOA4CLWBK5PKJ43TJCJVA"
    "3TBEAK6DAHYVEU4ORFYWIZUL4NIZUMQI"
)
CANCEL, FINISH, BALANCE = Offer("cancel"), Offer("finish"), Offer("balance")
CASH, BANK, CODE = (Offer("tender", kind) for kind in ("cash", "bank", "code"))
PRESETS = (2000, 5000, 10000, 20000)
BY_BANK = (Line("fixed_fee", 500), Line("old_debt", 500), Line("to_card", 9000), Line("energy", 157890, unit="wh"))
TWENTY = "78001000052886206546"  # the vector of the design of the sale: 100.00


def _at(view: View, left_s: int, span_s: int, beat: int = 0, *, helping: bool = False) -> Sample:
    """`left_s` of `span_s` are left."""
    return Sample(replace(view, ends_in_ms=span_s * 1000, span_ms=span_s * 1000), Clock("14:32", left_s * 1000, beat), helping)


def _with(view: View, **params: Value) -> View:
    return replace(view, params=view.params | params)


_BARE = View("attract", kiosk="K07", languages=("en", "zh", "fr", "sw"), params=dict(CARD))
_LANGUAGES = tuple(Offer("language", name) for name in _BARE.languages)
OUTAGE = {
    "outage_from": "2026-11-05 09:00",
    "outage_to": "2026-11-05 12:00",
    "outage_words": "Line repair in Market Road.",
}
LATER = OUTAGE | {"outage_to": "2026-11-06 06:00"}
_ATTRACT = replace(_with(_BARE, notes=NOTES, coins=COINS, printer=True), offers=(*_LANGUAGES, BALANCE))
_ACCOUNT = replace(
    _with(_BARE, as_of="2026-11-03 08:15", last_buy_minor=5000, count=17, debt_minor=500),
    phase="account",
    place="meter",
    figure_minor=1240,
    offers=(CASH, CANCEL),
)
_ORDER = replace(_with(_ACCOUNT, order_minor=10000), offers=(Offer("order", "7"), BANK, CODE, CASH, CANCEL))
_AMOUNT = replace(
    _with(_BARE, presets=PRESETS, by="bank"),
    phase="amount",
    figure_minor=10000,
    lines=BY_BANK,
    offers=(*(Offer("amount", str(amount)) for amount in PRESETS), Offer("amount", "other"), CASH, FINISH, CANCEL),
)
_OTHER = replace(
    _with(_BARE, typing=True, least_minor=1000, most_minor=50000),
    phase="amount",
    offers=(Offer("amount", "typed"), CANCEL),
)
_BANK = replace(_with(_BARE, state="follow"), phase="bank", figure_minor=10000, lines=BY_BANK, offers=(CANCEL,))
_CODE = replace(_BARE, phase="code", offers=(Offer("code", "typed"), CANCEL))
_ANSWER = replace(_BARE, phase="code", offers=(Offer("code", "again"), CASH, CANCEL))
_ODD = (Line("doubt", 10000), Line("pieces", 2, unit="count"))
_EMPTY = replace(_with(_BARE, more_minor=50000), phase="insert", place="you", offers=(CANCEL,))
_INSERT = replace(
    _with(_BARE, tiles=(10000, 5000), more_minor=35000, to_card_minor=14000),
    phase="insert",
    place="machine",
    figure_minor=15000,
    lines=SPLIT,
    offers=(FINISH, Offer("stop")),
)
_STOP = replace(_with(_INSERT, ask_stop=True), offers=(FINISH, Offer("add_more")))
_FULL = replace(
    _with(_INSERT, to_card_minor=9998999, more_minor=0),
    figure_minor=9999999,
    lines=(*SPLIT[:2], Line("to_card", 9998999), Line("energy", 172789845, unit="wh")),
)
_WRITING = replace(_BARE, phase="writing", place="machine", figure_minor=14000)
_RECEIPTS = (Offer("receipt", "paper"), Offer("receipt", "none"), FINISH)
_DONE = replace(_BARE, phase="done", place="card", figure_minor=14000, lines=PAID, offers=(FINISH,))
_UNSURE = replace(
    _with(_BARE, why="gone", purchase_no="18-2"),
    phase="unsure",
    place="between",
    held=True,
    figure_minor=15000,
    offers=(Offer("no_card"),),
)
_CLAIM = replace(
    _with(_BARE, slip="K07-000123-9F", check="9F", printed=True),
    phase="claim",
    place="machine",
    held=True,
    figure_minor=15000,
    offers=(Offer("receipt", "again"), Offer("slip_taken")),
)
_REFUSED = replace(_BARE, phase="refused", place="you", offers=(CANCEL,))
_TAKE = replace(_BARE, phase="take_card")
_STILL = replace(_with(_BARE, phase_before="insert", tender=15000), phase="still", place="machine", offers=(Offer("more_time"),))
_OUT = replace(_with(_BARE, why="cash"), phase="out", told=("works.balance", "works.claims", "works.finish"), offers=(BALANCE,))
_QR = replace(
    _with(_BARE, code=RECEIPT_CODE, kind="receipt", number="K07-000122", at="2026-11-03 14:33", purchase_no="18-2"),
    phase="qr",
    place="card",
    figure_minor=14000,
    lines=(PAID[0], SPLIT[2], PAID[3]),
    offers=(FINISH, CANCEL),
)
_PHONE = replace(_with(_BARE, state="typing"), phase="phone", place="card", figure_minor=14000, offers=(Offer("phone", "typed"), CANCEL))
_CONFIRM = replace(_with(_PHONE, state="confirm", to="+254 712 345 678"), offers=(Offer("sms", "send"), Offer("sms", "again"), CANCEL))
_QR_SLIP = replace(
    _with(_QR, code=SLIP_CODE, kind="slip", number="K07-000123-9F", at="2026-11-03 14:36"),
    place="machine",
    held=True,
    figure_minor=15000,
    lines=(PAID[0], PAID[3]),
    offers=(FINISH,),
)

SAMPLES: Mapping[str, Sample] = {
    "attract": Sample(replace(_ATTRACT, demo=True), Clock("14:32", beat=2)),
    "attract-notes": Sample(replace(_with(_ATTRACT, coins=(), printer=False)), Clock("14:32", beat=4)),
    "attract-all": Sample(replace(_with(_ATTRACT, bank=True), offers=(*_LANGUAGES, BALANCE, CODE)), Clock("14:32", beat=4)),
    "attract-outage": Sample(_with(_ATTRACT, **OUTAGE), Clock("14:32", beat=4)),
    "attract-code": Sample(
        replace(_with(_ATTRACT, notes=(), coins=(), asked="code"), offers=(*_LANGUAGES, BALANCE, CODE)), Clock("14:32", beat=4)
    ),
    "reading": Sample(replace(_BARE, phase="reading")),
    "account": _at(_ACCOUNT, 37, 45),
    "account-first": _at(replace(_with(_ACCOUNT, as_of=None, last_buy_minor=0, count=0), figure_minor=0, place="you"), 45, 45),
    "account-elsewhere": _at(_with(_ACCOUNT, begun_elsewhere=True), 45, 45),
    "account-owed": _at(replace(_ACCOUNT, figure_minor=-1240), 45, 45),
    "account-balance": _at(replace(_with(_ACCOUNT, balance_only=True), figure_minor=123456, offers=(CANCEL,)), 20, 45),
    "account-unproven": _at(replace(_with(_ACCOUNT, balance_only=True, unproven=True), offers=(CANCEL,)), 20, 45),
    "account-named": _at(replace(_with(_ACCOUNT, name="A*** K***", printer=False), offers=(CASH, BANK, CODE, CANCEL)), 45, 45),
    "account-outage": _at(_with(_ACCOUNT, printer=False, name="A*** K***", **LATER), 45, 45),
    "account-order": _at(_ORDER, 45, 45),
    "amount": _at(_AMOUNT, 40, 45),
    "amount-cash": _at(_with(_AMOUNT, by="cash"), 40, 45),
    "amount-other": _at(_OTHER, 45, 45),
    "amount-typed": _at(_with(_OTHER, typed="130"), 41, 45),
    "amount-over": _at(_with(_OTHER, typed="900"), 41, 45),
    "bank": _at(_BANK, 80, 90, beat=3),
    "bank-approved": _at(replace(_with(_BANK, state="approved"), place="machine", offers=()), 10, 10),
    "bank-declined": _at(replace(_with(_BANK, state="declined"), offers=(CASH, BANK, CANCEL)), 30, 30),
    "bank-pin": _at(_with(_BANK, prompt="pin"), 70, 90),
    "bank-asks": _at(_with(_BANK, prompt="wait"), 60, 90, beat=5),
    "bank-remove": _at(_with(_BANK, prompt="remove"), 60, 90),
    "bank-off": Sample(replace(_with(_BANK, state="off"), lines=(), offers=())),
    "bank-back": Sample(replace(_with(_BANK, state="back"), lines=(), offers=(), held=True)),
    "bank-none": _at(replace(_with(_BANK, state="none"), offers=(CASH, BANK, CANCEL)), 30, 30),
    "bank-aborted": _at(replace(_with(_BANK, state="aborted"), lines=(), offers=(CASH, BANK, CANCEL)), 30, 30),
    "bank-busy": _at(replace(_with(_BANK, state="busy"), lines=(), offers=(CASH, CANCEL)), 30, 30),
    "bank-reversed": _at(replace(_with(_BANK, state="reversed"), lines=(), offers=(BANK, CANCEL)), 30, 30),
    "bank-shut": _at(replace(_with(_BANK, state="busy"), lines=(), offers=(CANCEL,)), 30, 30),
    "bank-silent": Sample(replace(_with(_BANK, state="silent"), lines=(), held=True, offers=())),
    "bank-unknown": Sample(replace(_with(_BANK, state="silent", reference="9F3A61"), lines=(), held=True, offers=(CANCEL,))),
    "bank-unknown-cash": Sample(replace(_with(_BANK, state="silent", reference="9F3A61"), lines=(), held=True, offers=(CASH, CANCEL))),
    "code": _at(_CODE, 90, 90),
    "code-typed": _at(_with(_CODE, typed=TWENTY[:10]), 80, 90),
    "code-whole": _at(_with(_CODE, typed=TWENTY), 70, 90),
    "code-wrong": _at(_with(_CODE, typed=TWENTY[:19] + "7"), 90, 90),
    "code-checking": Sample(replace(_with(_CODE, state="checking"), figure_minor=10000, offers=())),
    "code-card": _at(_with(_ANSWER, state="card", tries=4), 30, 30),
    "code-card-last": _at(_with(_ANSWER, state="card", tries=1), 30, 30),
    "code-used": _at(replace(_with(_ANSWER, state="used", proof="0123456789"), place="meter", figure_minor=10000), 30, 30),
    "code-old": _at(replace(_with(_ANSWER, state="old"), figure_minor=10000), 30, 30),
    "code-behind": _at(replace(_with(_ANSWER, state="behind"), figure_minor=10000), 30, 30),
    "code-passed": _at(replace(_with(_ANSWER, state="passed", purchase="8", following="9"), figure_minor=10000), 30, 30),
    "code-proof": _at(replace(_with(_ANSWER, state="passed", purchase="8", following="9", proof="0123456789"), figure_minor=10000), 30, 30),
    "code-early": _at(_with(_ANSWER, state="early"), 30, 30),
    "code-room": _at(_with(_ANSWER, state="room", room_minor=4000), 30, 30),
    "code-shut": _at(replace(_with(_ANSWER, state="shut"), offers=(CASH, CANCEL)), 30, 30),
    "insert-empty": _at(_EMPTY, 45, 45),
    "insert-no-paper": _at(_with(_EMPTY, printer=False), 45, 45),
    "insert-first": _at(replace(_with(_EMPTY, checking=5000), offers=()), 60, 60),
    "insert-back": _at(_with(_EMPTY, refused=True, why_refused="device"), 60, 60),
    "insert": _at(_INSERT, 52, 60),
    "insert-checking": _at(replace(_with(_INSERT, checking=2000), offers=()), 60, 60),
    "insert-refused": _at(_with(_INSERT, refused=True, why_refused="limit", more_minor=2000), 60, 60),
    "insert-stuck": _at(replace(_with(_INSERT, checking=10000, stopped="notes"), offers=()), 55, 60),
    "insert-stuck-empty": _at(replace(_with(_EMPTY, checking=10000, stopped="notes"), offers=()), 55, 60),
    "insert-no-notes": _at(_with(_INSERT, stopped="notes"), 52, 60),
    "insert-no-coins": _at(_with(_INSERT, stopped="coins"), 52, 60),
    "insert-no-cash": _at(_with(_INSERT, stopped="cash"), 52, 60),
    "insert-no-cash-empty": _at(_with(_EMPTY, stopped="cash"), 40, 45),
    "insert-doubt": _at(replace(_with(_INSERT, beside=True), lines=(*_INSERT.lines, *_ODD)), 52, 60),
    "insert-stop": _at(_STOP, 20, 60),
    "insert-large": _at(_FULL, 44, 60),
    "writing": Sample(_WRITING, Clock("14:32", beat=4)),
    "writing-foreign": Sample(_with(_WRITING, foreign=True), Clock("14:32", beat=7)),
    "done": _at(replace(_with(_DONE, receipt="asking"), offers=_RECEIPTS), 20, 30),
    "done-all": _at(replace(_with(_DONE, receipt="asking"), offers=(*_RECEIPTS, Offer("receipt", "qr"))), 20, 30),
    "done-sms": _at(replace(_with(_DONE, receipt="asking"), offers=(*_RECEIPTS, Offer("receipt", "qr"), Offer("sms"))), 20, 30),
    "done-texted": _at(_with(_DONE, receipt="texted"), 28, 30),
    "done-texted-paper": _at(replace(_with(_DONE, receipt="texted"), offers=(_RECEIPTS[0], FINISH)), 28, 30),
    "done-no-paper": _at(replace(_with(_DONE, receipt="no_paper"), offers=(*_RECEIPTS[1:], Offer("receipt", "qr"))), 20, 30),
    "done-photographed": _at(_with(_DONE, receipt="qr"), 28, 30),
    "done-no-code": _at(_with(_DONE, receipt="no_qr"), 28, 30),
    "done-printing": _at(_with(_DONE, receipt="printing"), 28, 30),
    "done-failed": _at(_with(_DONE, receipt="failed"), 25, 30),
    "done-sent": _at(replace(_with(_DONE, receipt="assumed"), offers=(Offer("receipt", "qr"), FINISH)), 25, 30),
    "done-torn": _at(replace(_with(_DONE, receipt="unknown"), offers=(Offer("receipt", "qr"), FINISH)), 25, 30),
    "done-torn-only": _at(_with(_DONE, receipt="unknown"), 25, 30),
    "done-doubt": _at(replace(_with(_DONE, receipt="asking"), lines=(*PAID, *_ODD), offers=_RECEIPTS), 20, 30),
    "done-branch": _at(replace(_with(_DONE, receipt="asking"), lines=(*PAID, Line("branch")), offers=_RECEIPTS), 20, 30),
    "done-foreign": _at(replace(_with(_DONE, foreign=True), lines=()), 30, 30),
    "qr": _at(_QR, 50, 60),
    "qr-slip": _at(_QR_SLIP, 60, 60),
    "phone": _at(_PHONE, 60, 60),
    "phone-typed": _at(_with(_PHONE, typed="07123"), 55, 60),
    "phone-whole": _at(_with(_PHONE, typed="0712345678"), 50, 60),
    "phone-wrong": _at(_with(_PHONE, state="wrong"), 60, 60),
    "phone-confirm": _at(_CONFIRM, 60, 60),
    "phone-slip": _at(replace(_CONFIRM, place="machine", held=True, figure_minor=15000), 60, 60),
    "unsure": _at(_UNSURE, 150, 180),
    "unsure-other": _at(_with(_UNSURE, other_tail="1102"), 85, 180),
    "unsure-meter": _at(_with(_UNSURE, why="meter_first"), 170, 180),
    "claim": _at(_CLAIM, 60, 60),
    "claim-all": _at(replace(_CLAIM, offers=(*_CLAIM.offers, Offer("receipt", "qr"), Offer("sms"))), 60, 60),
    "claim-texted": _at(replace(_with(_CLAIM, text="queued"), offers=(*_CLAIM.offers, Offer("receipt", "qr"))), 60, 60),
    "claim-qr": _at(replace(_with(_CLAIM, printed=False), offers=(Offer("receipt", "qr"), Offer("slip_taken"))), 60, 60),
    "claim-photo": _at(replace(_with(_CLAIM, printed=False, qr="seen"), offers=(Offer("receipt", "qr"), Offer("slip_taken"))), 60, 60),
    "claim-doubt": _at(replace(_with(_CLAIM, disputed_minor=10000), figure_minor=0), 60, 60),
    "claim-no-paper": _at(replace(_with(_CLAIM, printed=False), offers=(Offer("slip_taken"),)), 60, 60),
    "refused": _at(replace(_with(_REFUSED, why="untaken", bought="2026-10-28"), place="card", figure_minor=5000), 30, 30),
    "refused-blocked": _at(_with(_REFUSED, why="hotlisted"), 30, 30, beat=3),
    "refused-keys": _at(_with(_REFUSED, why="keys"), 30, 30),
    "refused-customer": _at(_with(_REFUSED, why="other_customer"), 30, 30),
    "refused-utility": _at(_with(_REFUSED, why="foreign_utility"), 30, 30),
    "refused-region": _at(_with(_REFUSED, why="foreign_region"), 30, 30),
    "refused-locking": _at(_with(_REFUSED, why="key_blocked"), 30, 30),
    "refused-old": _at(_with(_REFUSED, why="key_dead"), 30, 30),
    "refused-behind": _at(_with(_REFUSED, why="key_ahead"), 30, 30),
    "refused-unchecked": _at(_with(_REFUSED, why="no_hotlist"), 30, 30),
    "refused-hoard": _at(replace(_with(_REFUSED, why="hoard"), place="meter", figure_minor=49000), 30, 30),
    "refused-often": _at(_with(_REFUSED, why="often"), 30, 30),
    "refused-float": _at(_with(_REFUSED, why="float"), 30, 30),
    "take_card": _at(_TAKE, 25, 30, beat=5),
    "take_card-done": _at(replace(_TAKE, place="card", figure_minor=14000), 25, 30),
    "still": _at(replace(_STILL, lines=SPLIT), 17, 20),
    "still-last": _at(replace(_STILL, lines=SPLIT, offers=()), 17, 20),
    "still-empty": _at(replace(_with(_STILL, phase_before="account", tender=0), place="you"), 17, 20),
    "interrupted-note": Sample(replace(_with(_BARE, checking=10000), phase="interrupted", place="machine", held=True)),
    "interrupted": Sample(replace(_BARE, phase="interrupted", place="machine", held=True, figure_minor=15000)),
    "out": Sample(_OUT),
    "out-code": Sample(replace(_with(_OUT, asked="code"), told=("works.balance", "works.code"), offers=(BALANCE, CODE)), Clock("14:32")),
    "out-office": Sample(_with(_OUT, why="office")),
    "out-sold": Sample(_with(_OUT, why="sold_out")),
    "out-restored": Sample(replace(_with(_OUT, why="restored"), told=("works.balance",))),
    "help": _at(_INSERT, 52, 60, helping=True),
    "help-attract": Sample(_ATTRACT, helping=True),
    "help-account": _at(_ACCOUNT, 45, 45, helping=True),
    "help-amount": _at(_AMOUNT, 40, 45, helping=True),
    "help-bank": _at(_BANK, 80, 90, helping=True),
    "help-code": _at(_CODE, 80, 90, helping=True),
    "help-done": _at(replace(_with(_DONE, receipt="asking"), offers=_RECEIPTS), 20, 30, helping=True),
    "help-unsure": _at(_UNSURE, 150, 180, helping=True),
    "help-phone": _at(_PHONE, 60, 60, helping=True),
    "help-claim": _at(_CLAIM, 60, 60, helping=True),
    "help-refused": _at(_with(_REFUSED, why="hotlisted"), 30, 30, helping=True),
    "help-out": Sample(_OUT, helping=True),
}
