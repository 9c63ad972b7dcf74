"""The users of an installed machine, here: two that own nothing, and a third. Only root can become them; else all are one user.

They cannot run an interpreter in somebody's home: where ours is in one, the system's of the same version takes its place.
"""

import atexit
import functools
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from kiosk.link import Peer

HOUSE = Path(__file__).parents[2]
SYSTEM = Path(f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}")
QUIET = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


class User:
    """`name` None is whoever runs the tests."""

    def __init__(self, name: str | None, *also_of: "User") -> None:
        found = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
        self.name, self.peer = found.pw_name, Peer(found.pw_uid, found.pw_gid)
        groups = [other.peer.gid for other in also_of]
        self._become: dict[str, Any] = {"user": self.peer.uid, "group": self.peer.gid, "extra_groups": groups} if name else {}

    def start(self, *arguments: str, **how: Any) -> subprocess.Popen[bytes]:
        """Our interpreter with these arguments, as this user, in a nearly empty environment."""
        return subprocess.Popen([interpreter() or sys.executable, *arguments], env=QUIET, cwd="/", **self._become, **how)

    def owns(self, *paths: Path) -> None:
        """Everything there belongs to this user alone."""
        for path in paths:
            os.chown(path, self.peer.uid, self.peer.gid)

    def may_enter(self, folder: Path) -> None:
        """Its group is this user's."""
        os.chown(folder, -1, self.peer.gid)


def uid_of(pid: int) -> int:
    """Whose process that is; the owner of its files in /proc is root where it keeps its memory to itself."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:")]
    return int(line.split()[2])


@functools.cache
def interpreter() -> str | None:
    """One that everybody may run, and that finds this program. None: other users are not to be had here."""
    if os.geteuid() != 0 or _runs(sys.executable):
        return sys.executable
    own = str(_of_the_system()) if SYSTEM.exists() else ""
    return own if own and _runs(own) else None


def _runs(program: str) -> bool:
    try:
        ended = subprocess.run(
            [program, "-c", "import kiosk"], cwd="/", env=QUIET, user="nobody", group="nogroup", extra_groups=[], check=False
        )
    except OSError:
        return False
    return ended.returncode == 0


def _of_the_system() -> Path:
    """A virtual environment by hand: the interpreter is the system's, the packages are those of the tests."""
    place = Path(tempfile.mkdtemp(prefix="apart-python-"))
    atexit.register(shutil.rmtree, place)
    packages = place / "lib" / SYSTEM.name / "site-packages"
    packages.mkdir(parents=True)
    (place / "bin").mkdir()
    (place / "pyvenv.cfg").write_text(f"home = {SYSTEM.parent}\ninclude-system-site-packages = false\n")
    (packages / "ours.pth").write_text(f"{HOUSE}\n{sysconfig.get_path('purelib')}\n")
    (place / "bin" / "python").symlink_to(SYSTEM)
    for path in (place, *place.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return place / "bin" / "python"


APART = os.geteuid() == 0 and interpreter() is not None
SCREEN = User("games" if APART else None)
CORE = User("daemon" if APART else None, SCREEN)
STRANGER = User("nobody" if APART else None)
