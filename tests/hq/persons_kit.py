"""Who a reference is, at an office that takes letters in, and everything that lies on its disk; kit."""

import subprocess
from pathlib import Path

import msgspec
from sqlalchemy import Connection, make_url, select, text

from kiosk.hq import kiosks
from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.letters import take
from kiosk.hq.persons import register
from kiosk.hq.schema import DAY_HOUR, DAY_KIOSK, FACT, MONTH_KIOSK, ORIGINAL
from kiosk.hq.store import Store
from kiosk.sync.batch import checked_batch
from kiosk.sync.persons import FIRST, Listed, PersonsHeader, boxed_letter
from kiosk.vend.rows import line, link, origin
from tests.hq.batches import NOW_MS, OFFICE, UTILITY, Journaled, Street, importer
from tests.hq.postgres import BIN, database, postgres_url  # noqa: F401 - fixtures

NAME, PHONE, OTHER = "Amina Nakato-Okello", "0777 123 987", "Kofi Mensah-Asante"
SUBJECT, SECOND = "9a64be1c20d7f358", "00ff00ff00ff00ff"
DAY_MS = 86_400_000
BY = {"who": "B. Oduya", "why": "claim K07-000123"}


class House:
    """An office that takes in what K07 and K08 send, and everything that lies on its disk."""

    def __init__(self, where: str, folder: Path) -> None:
        self.where, self.folder = where, folder
        self.store = Store.make(where, UTILITY, now_ms=NOW_MS)
        self.street, self.other = Street("K07", 4), Street("K08", 2)
        self.importer: Importer = importer(self.store, self.street, self.other)
        self.numbers = {name: known.no for name, known in self.importer.kiosks.items()}

    def letter(self, *listed: Listed, of: Journaled | None = None, later_ms: int = 0, **changes: object) -> bytes:
        kiosk = of or self.street
        header = PersonsHeader(kiosk.name, kiosk.store.hex(), FIRST + 7 + later_ms // 60_000, NOW_MS + later_ms)
        return boxed_letter(msgspec.structs.replace(header, **changes), listed, kiosk.sign, OFFICE.box_key)

    def take(self, raw: bytes, now_ms: int = NOW_MS) -> Verdict:
        return take(self.importer, raw, now_ms).verdict

    def known(self, subject: str = SUBJECT, now_ms: int = NOW_MS) -> dict[str, str]:
        return {one.kind: one.value for one in register.shown(self.store, subject, **BY, now_ms=now_ms)}

    def sums(self) -> list[object]:
        asked = [select(each).order_by(*each.primary_key.columns) for each in (DAY_KIOSK, DAY_HOUR, MONTH_KIOSK)]
        return self.store.read(lambda connection: [tuple(row) for one in asked for row in connection.execute(one)])

    def holds(self) -> bool:
        """The chain of each kiosk, made again from its facts, and each original checked again."""

        def work(connection: Connection) -> bool:
            for kiosk in (self.street, self.other):
                number, chained = self.numbers[kiosk.name], origin(kiosk.store)
                kinds = kiosks.numbered(self.store)
                names = {no: name for name, no in kinds.items()}
                asked = select(FACT).where(FACT.c.kiosk_no == number).order_by(FACT.c.seq)
                rows = connection.execute(asked).all()
                for row in rows:
                    says = (row.sale, names[row.kind], row.v, row.body.encode())
                    chained = link(chained, line((row.seq, row.at_ms, row.boot, row.mono_ms), says))
                originals = connection.execute(
                    select(ORIGINAL.c.raw).where(ORIGINAL.c.kiosk_no == number).order_by(ORIGINAL.c.seq)
                ).scalars()
                last = [checked_batch(bytes(raw), {kiosk.name: kiosk.public_key}.get) for raw in originals]
                if last and last[-1].header.head != chained.hex():
                    return False
            return True

        return self.store.read(work)

    def lies(self, words: str) -> bool:
        """In any file of the office's, in every page of its store that the server has, in its dump, in its originals as text."""
        sought = words.encode()
        if self.store.postgresql:
            url = make_url(self.where)
            server, name = Path(str(url.query["host"])), url.database
            with self.store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                connection.execute(text("CHECKPOINT"))
                number = connection.execute(text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar()
            dump = subprocess.run(
                [BIN[-1].with_name("pg_dump"), "-h", str(server), "-U", str(url.username), str(name)], capture_output=True, check=True
            ).stdout
            files = [path for path in (server / "data/base" / str(number)).iterdir() if path.is_file()]
        else:
            dump, files = b"", []
        files += [path for path in self.folder.rglob("*") if path.is_file()]
        originals = self.store.read(lambda connection: connection.execute(select(ORIGINAL.c.raw)).scalars().all())
        keys = {kiosk.name: kiosk.public_key for kiosk in (self.street, self.other)}
        texts = [checked_batch(bytes(raw), keys.get).text for raw in originals]
        return any(sought in raw for raw in (dump, *texts, *(path.read_bytes() for path in files)))


def somebody(name: str = NAME, subject: str = SUBJECT, days: int = 90) -> Listed:
    return Listed(subject, NOW_MS + days * DAY_MS, {"name": name, "phone": PHONE})
