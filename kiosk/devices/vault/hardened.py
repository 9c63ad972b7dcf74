"""What a process does before it is given a key or a PIN, so that none of it reaches a disk or another process of the same user.

No core file (RLIMIT_CORE), no dump and no ptrace or /proc/PID/mem for other processes (PR_SET_DUMPABLE, prctl(2)), no new privileges, and
all memory locked (mlockall(2)) where the system allows it; where it does not, that is said.
"""

import ctypes
import os
import resource
from pathlib import Path

PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_NO_NEW_PRIVS = 4, 15, 38
MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
SWAPS = Path("/proc/swaps")


def forbid_dumps() -> ctypes.CDLL:
    """No core file, no dump, no ptrace, no new privileges; the C library, for more of the kind. OSError when it cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for order, value in ((PR_SET_DUMPABLE, 0), (PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(order, value, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"prctl {order}")
    return libc


def harden(name: bytes) -> str:
    """Do all of it. "locked", or why memory may reach the swap. OSError when dumps cannot be forbidden: then no key may come here."""
    libc = forbid_dumps()
    libc.prctl(PR_SET_NAME, name, 0, 0, 0)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0:
        return "locked"
    why = os.strerror(ctypes.get_errno())
    return f"not locked ({why}), and {'swap is on' if swap_is_on() else 'there is no swap'}"


def swap_is_on() -> bool:
    """Some swap is in use; also when nobody can tell."""
    try:
        return len(SWAPS.read_text().splitlines()) > 1
    except OSError:
        return True
