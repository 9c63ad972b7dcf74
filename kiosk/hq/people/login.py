"""Under which login this program runs, by the kernel's word alone: no environment variable and no option says it.

The login of the session (`/proc/self/loginuid`, which PAM sets and which `sudo` and `su` do not change) goes before the user of the
process: so somebody who works as the office's user by `sudo -u office` is still themselves. Where the kernel keeps none, the real user
counts.
"""

import os
import pwd
from pathlib import Path

LOGINUID = Path("/proc/self/loginuid")
UNSET = 0xFFFFFFFF


def login() -> str:
    """Its name; the number of a user who has none."""
    number = _session()
    if number is None:
        number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _session() -> int | None:
    try:
        number = int(LOGINUID.read_text("ascii"))
    except (OSError, ValueError):
        return None
    return number if number != UNSET else None
