"""How often a process asks the disk to keep its word: fsync, fdatasync and their kin, counted by a shim that is compiled on the spot.

The shim is preloaded into the measured process and adds one byte to a file at each call, so that the count can be read at any moment.
"""

import os
import shutil
import subprocess
from pathlib import Path

from kiosk.bench.table import NotMeasured

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/types.h>

static void count(void)
{
    static int tally = -2;
    if (tally == -2) {
        const char *path = getenv("FSYNC_TALLY");
        tally = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    }
    if (tally >= 0 && write(tally, ".", 1) != 1) abort();
}

#define COUNTED(name, parameters, arguments) \
    int name parameters { \
        static int (*real) parameters; \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name); \
        count(); \
        return real arguments; \
    }

COUNTED(fsync, (int fd), (fd))
COUNTED(fdatasync, (int fd), (fd))
COUNTED(msync, (void *start, size_t length, int flags), (start, length, flags))
COUNTED(sync_file_range, (int fd, off64_t offset, off64_t length, unsigned int flags), (fd, offset, length, flags))
"""


class NotCounted(NotMeasured):
    """Fsyncs cannot be counted here; the text says why."""


class Tally:
    """Counts for one process that is started with `environment`. `folder` is a directory for the shim and the count."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise NotCounted("there is no C compiler here to build the counter")
        source, self._shim, self._tally = folder / "fsyncs.c", folder / "fsyncs.so", folder / "fsyncs.count"
        source.write_text(SOURCE)
        built = subprocess.run(  # noqa: S603 - our own source, the system's compiler
            [compiler, "-shared", "-fPIC", "-O1", "-o", str(self._shim), str(source), "-ldl"], capture_output=True, text=True, check=False
        )
        if built.returncode != 0:
            raise NotCounted(f"the counter does not compile: {built.stderr.strip().splitlines()[-1]}")

    @property
    def environment(self) -> dict[str, str]:
        """What the process has to be started with."""
        return {**os.environ, "LD_PRELOAD": str(self._shim), "FSYNC_TALLY": str(self._tally)}

    def count(self) -> int:
        """Calls so far."""
        return self._tally.stat().st_size if self._tally.exists() else 0
