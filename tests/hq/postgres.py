"""A real PostgreSQL of our own for the length of a run: its own data, its own socket, no port. An empty database for each test.

    from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures

As root the server runs as the user postgres, who may not write where root's temporary files are.
"""

import atexit
import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest

BIN = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
DISK = "/tmp"  # noqa: S108 - root's own temporary files are in a folder that the server's user may not enter
MEMORY = "/dev/shm"  # noqa: S108 - sixty tables are two hundred files, made anew for each test
NAME = "kiosk_test"
USER = "postgres" if os.geteuid() == 0 else getpass.getuser()
QUIET = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "40",
    "deadlock_timeout": "50ms",
    "max_wal_size": "128MB",
}
"""A test's server need not outlive the machine. A bench asks for none of this."""


class Server:
    """One server. `settings`: over postgresql.conf's; `place`: where its folder is made."""

    def __init__(self, settings: dict[str, str], place: str = DISK) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kiosk-pg-", dir=place))
        self._bin = BIN[-1].parent
        if os.geteuid() == 0:
            os.chown(self.folder, *pwd.getpwnam(USER)[2:4])
        self._as_user("initdb", "-D", f"{self.folder}/data", "-A", "trust", "-E", "UTF8", "--no-locale", "-U", USER, "--no-sync")
        said = " ".join(f"-c {name}={value}" for name, value in settings.items())
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} {said}"
        self._as_user("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o", options, "-w", "start")
        # a run that is killed in the middle of a test leaves no server behind
        stop = f"{self._bin}/pg_ctl -D {self.folder}/data -m immediate stop; rm -rf {self.folder}"
        watch = ["sh", "-c", f"exec >/dev/null 2>&1; while [ -e /proc/{os.getpid()} ]; do sleep 1; done; {stop}"]
        self._watch = subprocess.Popen(watch, user=USER if os.geteuid() == 0 else None, cwd="/", start_new_session=True)

    def _as_user(self, program: str, *arguments: str) -> None:
        user = USER if os.geteuid() == 0 else None
        subprocess.run(
            [self._bin / program, *arguments], check=True, user=user, cwd="/", stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"}
        )

    def url(self, name: str = "postgres") -> str:
        """Of one of its databases."""
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def stop(self) -> None:
        """And nothing is left of it."""
        self._watch.kill()
        self._watch.wait()
        self._as_user("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def roomy(place: str) -> bool:
    """Whether a server of each process of a run finds room there."""
    return Path(place).is_dir() and shutil.disk_usage(place).free > 2 << 30


@cache
def shared() -> Server:
    """The one server of this process, for every folder's tests."""
    server = Server(QUIET, MEMORY if roomy(MEMORY) else DISK)
    own = os.getpid()
    atexit.register(lambda: server.stop() if os.getpid() == own else None)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    return server


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """The server's own database, to make others from."""
    if not BIN:
        pytest.skip("not on this machine: postgresql; ./run test as root installs it")
    return shared().url()


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database. It is the same one each time, emptied: making one costs more than most tests."""
    yield postgres_url.replace("/postgres?", f"/{NAME}?")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (NAME,))
    with psycopg.connect(postgres_url.replace("/postgres?", f"/{NAME}?"), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
