"""A thread that has the vault check transfer codes: each one that the desk asks for once, and told.

The desk does not wait for a vault: one that is locked, or that has had too many wrong codes, is an answer too. It ends with the desk.
"""

import threading

from kiosk.devices.supervise import supervised
from kiosk.vend.code import MAC_DIGITS
from kiosk.vend.ports import CodeJob, Desk, Vault, VaultError
from kiosk.vend.seen import CodeChecked

LISTEN_S = 60.0


class CodeChecker:
    """Ends with the desk."""

    def __init__(self, desk: Desk, vault: Vault) -> None:
        self._desk, self._vault = desk, vault
        self._last: int | None = None  # the last job taken up
        self._open: int | None = None  # taken up, its end not told yet

    def start(self) -> None:
        """Runs in a thread of its own."""
        work = supervised(self.run, threading.Event(), self._broken)
        threading.Thread(target=work, name="codes", daemon=True).start()

    def run(self) -> None:
        """The thread's work, for whoever brings the thread. Raises DeskDied at the end."""
        self._broken()
        rev = -1
        while True:
            published = self._desk.wait(rev, LISTEN_S)
            rev, job = published.rev, published.code_job
            if job and job.id != self._last:
                self._last = self._open = job.id
                self._end(answered(job, self._vault))

    def _broken(self) -> None:
        if self._open is not None:
            self._end(CodeChecked(self._open, why="no_key"))

    def _end(self, said: CodeChecked) -> None:
        self._desk.tell(said)
        self._open = None


def answered(job: CodeJob, vault: Vault) -> CodeChecked:
    """What the vault says of one code; both count proofs where they were asked for and the code is right."""
    try:
        salt = vault.check_code(job.terms, job.mac)
        proofs = ("", "")
        if salt and job.proofs:
            this, another = (vault.count_proof(job.terms, job.mac, another=each) for each in (False, True))
            proofs = f"{this:0{MAC_DIGITS}}", f"{another:0{MAC_DIGITS}}"
    except VaultError:
        return CodeChecked(job.id, why="no_key")
    return CodeChecked(job.id, salt=salt.hex(), proofs=proofs)
