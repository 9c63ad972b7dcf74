"""A shop with a head office behind it, and the words to ask where its rules stand."""

from kiosk.vend import risk
from kiosk.vend.risk import RuleStanding
from kiosk.vend.seen import Trusted
from kiosk.vend.trust import FloatGranted, HotlistInstalled, LimitsInstalled, Unlocked
from tests.sale.shop import Shop

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def grant(shop: Shop, number: int, amount_minor: int, days: int = 7) -> Trusted:
    return Trusted(FloatGranted(number, amount_minor, shop.wall_ms() + days * DAY_MS))


def hotlist(shop: Shop, version: int) -> Trusted:
    return Trusted(HotlistInstalled(1, version, shop.wall_ms(), 0, "00" * 32))


def limits(version: int, **values: int) -> Trusted:
    return Trusted(LimitsInstalled(1, version, values))


def office_shop(*, float_minor: int = 50_000_00, days: int = 7) -> Shop:
    """Open, with a fresh hotlist and a float of number 1 (0: none)."""
    shop = Shop(office=True)
    shop.tell(Trusted(Unlocked("card", "trade", "00" * 8, 1, 1, shop.wall_ms() + 90 * DAY_MS, ())))
    shop.tell(hotlist(shop, 1))
    if float_minor:
        shop.tell(grant(shop, 1, float_minor, days))
    return shop


def stands(shop: Shop, name: str) -> RuleStanding:
    return next(one for one in risk.standing(shop.rules, shop.state, shop.now()) if one.name == name)


def level(shop: Shop, name: str) -> tuple[str, int]:
    one = stands(shop, name)
    return one.level, one.value
