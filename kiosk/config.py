"""kiosk.toml: one file that says what this machine is and where its parts are. An unknown key is an error that names the nearest known one.

`[limits]` only lowers what is allowed without HQ. Environment variables override single values: `KIOSK__STORE__PATH=/srv/store.db`.
"""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kiosk import words
from kiosk.devices.contract import Role
from kiosk.devices.profiles import ProfileError, profile_of
from kiosk.envelope import KIOSK_ID
from kiosk.vend import zones
from kiosk.vend.card.reading import Profile
from kiosk.vend.limits import Allowed
from kiosk.vend.rules import Letterhead
from kiosk.vend.sms import Texts
from kiosk.vend.tariff import Tariff

DEVICES = """
[[device]]
role = "notes"
protocol = "cctalk"
port = "{folder}/dev/notes"

[[device]]
role = "coins"
protocol = "cctalk"
port = "{folder}/dev/coins"

[[device]]
role = "printer"
protocol = "escpos"
port = "{folder}/dev/printer"
"""
"""The end of a kiosk.toml whose devices are at ports in its own folder, as a first one has it and every simulated one."""


class ConfigError(Exception):
    """The configuration cannot be used; the text is one sentence for whoever wrote it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KioskPart(_Part):
    """Who this machine is."""

    id: str = Field(pattern=rf"^{KIOSK_ID}$")
    utility: int = Field(1, ge=1, le=0xFFFFFFFF)
    region: int = Field(1, ge=1, le=0xFFFFFFFF)
    currency: Literal["CNY", "KES", "TZS", "UGX", "XAF", "EUR"] = "CNY"
    zone: str = "+0800"
    languages: Annotated[tuple[str, ...], Field(min_length=1)] = ("en", "zh", "fr", "sw")  # in the order of their keys on the first screen
    place: str = Field("", pattern=r"^[a-z0-9./]*$")  # in the tree of what operators may do; without it u1/r1/k07
    demo: bool = False

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if not zones.known(zone):
            raise ValueError(f"{zone!r} is no zone: write it like +0800, or by its name, Europe/Berlin")
        return zone

    @field_validator("languages")
    @classmethod
    def _spoken(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [language for language in languages if language not in words.languages()]
        if unknown:
            raise ValueError(f"there is no catalogue for {unknown[0]}; there are {', '.join(words.languages())}")
        return languages


class StorePart(_Part):
    """Where the journal and the station store are."""

    path: Path = Path("/var/lib/kiosk/store.db")
    station: Path = Path("/var/lib/kiosk/station.json")
    mark: Path | None = None  # a file on another disk, which says how far the journal is
    backup: Path | None = None  # a folder on another medium, for `kiosk backup`


class CardPart(_Part):
    """Which reader, found by a part of its name, and how its cards are laid out and keyed."""

    reader: str = ""
    boot_reader: str = ""  # where staff put the boot card; another one than the customers'
    profile: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")] = "gdw1365"  # `devices.profiles`
    suite: Literal["aes128"] = "aes128"


class DevicePart(_Part):
    """One device: what it is for, how it speaks (`devices.registry`), where it is, and the serial number that staff enrolled first.

    `options` are its driver's own, and checked by it.
    """

    role: Role
    protocol: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$")]
    port: str
    serial: str = ""
    options: dict[str, str | int | bool] = {}


class LimitsPart(_Part):
    """May only lower. None leaves what is signed."""

    sale_max_minor: Annotated[int, Field(ge=1)] | None = None
    day_max_minor: Annotated[int, Field(ge=1)] | None = None
    day_max_sales: Annotated[int, Field(ge=1)] | None = None
    hoard_minor: Annotated[int, Field(ge=1)] | None = None


class TariffPart(_Part):
    """The flat tariff of an installation that has no HQ yet.

    `debts`: what customers still owe, minor units by customer number. `debts_at`: the id of the one kiosk that recovers them. Kiosks do not
    hear of each other, so two that recover one debt take it twice.
    """

    price: Annotated[str, Field(pattern=r"^\d{1,6}\.\d{4}$")] = "0.5800"
    fixed_fee_minor: Annotated[int, Field(ge=0)] = 500
    debts: dict[str, int] = {}
    debts_at: str = ""

    @field_validator("price")
    @classmethod
    def _positive(cls, price: str) -> str:
        if not price.strip("0."):
            raise ValueError("a price must be above zero")
        return price


class ScreenPart(_Part):
    """How the customer's screen looks and sounds, the language that it goes back to, and its user, where the core has another one."""

    user: Annotated[str, Field(pattern=r"^([a-z_][a-z0-9_-]{0,31})?$")] = ""
    palette: Literal["auto", "true", "ansi", "contrast"] = "auto"
    language: str = "en"
    sound: Literal["off", "bell"] = "off"  # bell: the terminal's own


class KeysPart(_Part):
    """Where the trading keys are: a store that a boot card opens, or public test masters, which is what a demo has unless it says store.

    `root`: the head office's two root keys, Ed25519, hex; `folder`: what it sends is kept there, beside the station store if left out.
    """

    vault: Literal["", "demo", "store"] = ""
    root: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")], ...], Field(max_length=2)] = ()
    folder: Path | None = None


class SftpPart(_Part):
    """The head office's SFTP server: this kiosk's own key, a file, and the server's host key, which is pinned."""

    host: str
    key: Path
    host_key: str = Field(pattern=r"^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( .*)?$")
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: Annotated[str, Field(min_length=1)] = "kiosk"
    root: str = ""  # of the mail bag there


class SyncPart(_Part):
    """The ways to the head office; each that is named is used. `service`: a courier of the service manager's, not the core's.

    `certificate`, `key`: this kiosk's own, where the server asks for one; `stick`: where a stick is found when staff put one in.
    """

    url: Annotated[str, Field(pattern=r"^(https://[^\s/]+)?$")] = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    sftp: SftpPart | None = None
    stick: Path | None = None
    interval_s: Annotated[int, Field(ge=10, le=86_400)] = 900
    service: bool = False

    def carries(self) -> bool:
        """Does the core start a courier?"""
        return bool(self.url or self.sftp or self.stick) and not self.service


class SmsPart(_Part):
    """Texts through a modem. `country`: the digits that an international number has before a national one; `alarms`: technicians' numbers.

    `receipts`: customers may have their receipt as a text; `day_max`: so many of them on one day.
    """

    receipts: bool = True
    country: Annotated[str, Field(pattern=r"^([1-9]\d{0,3})?$")] = ""
    alarms: Annotated[tuple[Annotated[str, Field(pattern=r"^\+[1-9]\d{6,14}$")], ...], Field(max_length=8)] = ()
    day_max: Annotated[int, Field(ge=0, le=10_000)] = 300


class Config(BaseSettings):
    """The whole file, checked."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="KIOSK__", env_nested_delimiter="__")

    kiosk: KioskPart
    store: StorePart = StorePart()
    card: CardPart = CardPart()
    device: tuple[DevicePart, ...] = ()
    limits: LimitsPart = LimitsPart()
    tariff: TariffPart = TariffPart()
    screen: ScreenPart = ScreenPart()
    keys: KeysPart = KeysPart()
    sync: SyncPart = SyncPart()
    sms: SmsPart = SmsPart()
    letterhead: dict[Literal["utility", "tax_number", "phone"], str] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before the file; nothing else is read."""
        return env_settings, init_settings

    def allowed(self) -> Allowed:
        """The built-in limits, lowered by the file's."""
        base = Allowed()
        given = {key: value for key, value in self.limits.model_dump().items() if value is not None}
        lowered = {key: min(value, getattr(base, key)) for key, value in given.items()}
        return Allowed(**{**{name: getattr(base, name) for name in base.__struct_fields__}, **lowered})

    def tariff_values(self) -> Tariff:
        """The tariff as values; old debts only at the kiosk that recovers them, wherever this file was copied to."""
        debts = self.tariff.debts if self.tariff.debts_at == self.kiosk.id else {}
        return Tariff(price=self.tariff.price, fixed_fee_minor=self.tariff.fixed_fee_minor, debts=debts)

    def place(self) -> str:
        """Where this kiosk stands in the tree of places."""
        own = self.kiosk
        return own.place or f"u{own.utility}/r{own.region}/{own.id.lower()}"

    def keys_folder(self) -> Path:
        """Where the trading store and all that the head office sends are kept."""
        return self.keys.folder or self.store.station.parent / "keys"

    def card_profile(self) -> Profile:
        """How the customers' cards are laid out. Raises ConfigError."""
        try:
            return profile_of(self.card.profile)
        except ProfileError as error:
            raise ConfigError(f"In [card], {error}") from None

    def demo_keys(self) -> bool:
        """Are the trading keys public test masters?"""
        return self.keys.vault == "demo" or (self.keys.vault == "" and self.kiosk.demo)

    def texts(self) -> Texts | None:
        """What texts may be sent; None without a modem."""
        if not any(part.role == "modem" for part in self.device):
            return None
        return Texts(self.sms.receipts, self.sms.country, len(self.sms.alarms), self.sms.day_max)

    def letterhead_values(self) -> Letterhead:
        """What stands on every paper."""
        return msgspec.structs.replace(Letterhead(), **self.letterhead)


def load(path: Path) -> Config:
    """Read and check a file. Raises ConfigError."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"There is no configuration at {path}. `kiosk init` makes one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration {path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration {path} is not TOML: {error}.") from None
    return checked(raw, str(path))


def checked(raw: dict[str, Any], name: str = "the configuration") -> Config:
    """Check values that were read already. Raises ConfigError with one sentence about the first thing that is wrong."""
    try:
        config = Config(**raw)
    except ValidationError as error:
        raise ConfigError(f"In {name}, {_sentence(error.errors()[0])}") from None
    if config.screen.language not in config.kiosk.languages:
        raise ConfigError(f"In {name}, screen.language is {config.screen.language}, which is not one of kiosk.languages.")
    if config.screen.language not in config.kiosk.languages:
        raise ConfigError(f"In {name}, the screen speaks {config.screen.language}, which is none of the languages in [kiosk].")
    config.card_profile()
    roles = [part.role for part in config.device]
    if twice := next((role for role in roles if roles.count(role) > 1), ""):
        raise ConfigError(f"In {name}, two devices are {twice}; a machine has one of each role.")
    if config.keys.vault == "demo" and not config.kiosk.demo:
        raise ConfigError(f"In {name}, the vault holds public test keys; that needs demo = true in [kiosk], and is said on the screen.")
    return config


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(str(error["loc"][-1]), sorted(_known_keys(Config)), 1, 0.4)
        return f"{where} is not a known key{f'; did you mean {nearest[0]}?' if nearest else '.'}"
    return f"{where}: {error['msg']}."


def _known_keys(model: type[BaseModel]) -> set[str]:
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                keys |= _known_keys(part)
    return keys


def config_path() -> Path:
    """Where the configuration is: KIOSK_CONFIG, or beside the process, or the system's."""
    here = Path("kiosk.toml")
    return Path(os.environ.get("KIOSK_CONFIG", str(here if here.exists() else "/etc/kiosk/kiosk.toml")))
