"""What a courier is told when it begins: light to import, so that who starts one need not know what it carries with."""

from typing import Annotated

import msgspec
from msgspec import Meta


class HttpsPlan(msgspec.Struct, frozen=True):
    """Where the server is. `ca`: a file of the CA that signs it, "" for the system's; `certificate`, `key`: this kiosk's own, or ""."""

    url: str
    ca: str = ""
    certificate: str = ""
    key: str = ""


class SftpPlan(msgspec.Struct, frozen=True):
    """`key`: this kiosk's private key, a file; `host_key`: the server's public one, "ssh-ed25519 AAAA..."; `root`: where the bag is."""

    host: str
    key: str
    host_key: str
    port: int = 22
    user: str = "kiosk"
    root: str = ""


class Plan(msgspec.Struct, frozen=True):
    """What the courier is told when it begins. `stick`: where a stick is found, "" for nowhere."""

    spool: str
    kiosk: str
    interval_s: Annotated[float, Meta(gt=0)] = 900.0
    https: HttpsPlan | None = None
    sftp: SftpPlan | None = None
    stick: str = ""
    beats: bool = False  # a byte on standard output at every look, for whoever watches over it
