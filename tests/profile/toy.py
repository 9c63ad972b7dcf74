"""A second card layout: a campus card of one till. Little-endian, no frames, no tag, two writes.

    file 1   12 bytes   meter (6 BCD), customer (6 BCD)
    file 2    6 bytes   amount u32, count u16: the purse
    file 3    7 bytes   A5 when the meter has written, count u16, balance i32

Without a tag nobody can tell whose purchase stands in the purse. So nobody finishes another's torn purchase, and count and amount alone
say "landed": that is right only where one till writes these cards.
"""

from kiosk.vend.card.reading import FileSpec, Reading, Record, Returned, TagOf, Update, Verdict, Word

WRITTEN = 0xA5


class Toy:
    """The profile."""

    name = "campus"
    reads = (FileSpec(1, 12), FileSpec(2, 6), FileSpec(3, 7))
    steps = ("arm", "load", "commit")

    def parse(self, serial: str, files: dict[int, bytes], authentic: bool, tag_of: TagOf | None) -> Reading:  # noqa: ARG002 - no tag
        """Bytes -> Reading."""
        full = files[3][0] == WRITTEN
        return Reading(
            serial=serial,
            profile=self.name,
            authentic=authentic,
            meter=files[1][:6].hex(),
            customer=files[1][6:].hex(),
            kind=2,
            count=int.from_bytes(files[2][4:], "little"),
            amount_minor=int.from_bytes(files[2][:4], "little"),
            returned=Returned.FRAME if full else Returned.EMPTY,
            taken=int.from_bytes(files[3][1:3], "little") if full else None,
            tag=None,
            fits=False,
            balance_minor=int.from_bytes(files[3][3:], "little", signed=True) if full else None,
            files={f"{number:02}": raw.hex() for number, raw in files.items()},
        )

    def judge(self, reading: Reading, record: Record | None, known: int) -> Verdict:
        """Five words do."""
        if not reading.authentic or (reading.taken is not None and reading.taken < known):
            return Verdict(Word.REFUSED, why="unproven")
        if record and record.card == reading.serial:
            there = (reading.count, reading.amount_minor) == (record.n, record.amount_minor)
            if there and reading.taken in (None, record.n):
                return Verdict(Word.LANDED, record.n, record.amount_minor)
            if reading.taken == record.n - 1:
                return Verdict(Word.NEVER, record.n, record.amount_minor, step="load")
            return Verdict(Word.SPENT, record.n, record.amount_minor)
        if reading.taken is None:
            return Verdict(Word.UNTAKEN, reading.count, reading.amount_minor)
        return Verdict(Word.READY, reading.taken + 1)

    def arm(self, reading: Reading, n: int) -> Update | None:  # noqa: ARG002 - a meter always writes before the next purchase
        """Nothing to arm."""
        return None

    def plan(self, reading: Reading, record: Record, start: str) -> tuple[Update, ...]:
        """The purse, then the commit."""
        load = Update("load", 2, 0, record.amount_minor.to_bytes(4, "little") + record.n.to_bytes(2, "little"))
        return (*((load,) if start != "commit" else ()), self.commit(reading))

    def commit(self, reading: Reading) -> Update:  # noqa: ARG002
        """Clear what the meter wrote."""
        return Update("commit", 3, 0, b"\0")
