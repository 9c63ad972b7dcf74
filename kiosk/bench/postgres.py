"""A real PostgreSQL for the length of a measurement: its own data, its own socket, no port, gone afterwards."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kiosk.bench.table import NotMeasured

PROGRAMS = Path("/usr/lib/postgresql")


@contextmanager
def server(settings: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Its URL and the folder of its data. `settings`: over postgresql.conf's. As root it runs as the user postgres.

    Raises NotMeasured where there is no PostgreSQL.
    """
    found = sorted(PROGRAMS.glob("*/bin/initdb"))
    if not found:
        raise NotMeasured("there is no PostgreSQL here; ./run test as root installs it")
    root = os.geteuid() == 0
    user = "postgres" if root else getpass.getuser()
    folder = Path(tempfile.mkdtemp(prefix="kiosk-bench-", dir="/tmp"))

    def run(program: str, *arguments: str) -> None:
        subprocess.run(  # noqa: S603 - PostgreSQL's own programs
            [found[-1].with_name(program), *arguments],
            check=True, user=user if root else None, cwd="/", stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    try:
        if root:
            os.chown(folder, *pwd.getpwnam(user)[2:4])
        run("initdb", "-D", f"{folder}/data", "-A", "trust", "-E", "UTF8", "--no-locale", "-U", user, "--no-sync")
        said = " ".join(f"-c {name}={value}" for name, value in settings.items())
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} {said}"
        run("pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"postgresql://{user}@/postgres?host={folder}", folder
        finally:
            run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
