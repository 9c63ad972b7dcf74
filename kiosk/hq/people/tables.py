"""The tables of the office's staff: who they are, what waits for a second person, and wrong passphrases."""

from sqlalchemy import Index, Text
from sqlmodel import Field

from kiosk.hq.schema import LOGGED, Big, Int, Schema, table


class StaffTable(Schema, table=True):
    """What the root said of a member of staff, in its order; of one `id` the last row holds. Rows are added and never changed.

    `key`: the public key in hex (`people.signature`); `roles`: what they may do, JSON; `to_ms`: when they left. `signature`: the root's
    over all of it and over the row before, so that a row which somebody else puts in, changes or takes out is found (`people.staff`).
    """

    __tablename__ = "staff"
    __table_args__ = LOGGED
    no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    id: str = Field(sa_type=Text)
    login: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    roles: str = Field(sa_type=Text)
    from_ms: int = Field(sa_type=Big)
    to_ms: int = Field(sa_type=Big)
    signature: str = Field(sa_type=Text)


class ApprovalTable(Schema, table=True):
    """What one person proposed and another one decides (`people.approvals`).

    `line`: the exact text that both sign; `shown`: what the first saw, whose hash is in the line. `state`: open | released | refused |
    ended (what it rests on has changed). `second`: who released or refused it.
    """

    __tablename__ = "approval"
    __table_args__ = (Index("approval_value", "value"), Index("approval_line", "line_sha256", unique=True), LOGGED)
    no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    line_sha256: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    value: str = Field(sa_type=Text)
    line: str = Field(sa_type=Text)
    shown: str = Field(sa_type=Text)
    first: str = Field(sa_type=Text)
    first_signature: str = Field(sa_type=Text)
    at_ms: int = Field(sa_type=Big)
    state: str = Field(default="open", sa_type=Text)
    second: str = Field(default="", sa_type=Text)
    second_signature: str = Field(default="", sa_type=Text)
    done_ms: int | None = Field(default=None, sa_type=Big)
    why: str = Field(default="", sa_type=Text)


class PassphraseTable(Schema, table=True):
    """How many wrong passphrases were tried for a key one after the other, and when the last one was."""

    __tablename__ = "passphrase_try"
    __table_args__ = LOGGED
    id: str = Field(primary_key=True, sa_type=Text)
    wrong: int = Field(sa_type=Int)
    last_ms: int = Field(sa_type=Big)


STAFF, APPROVAL, PASSPHRASE_TRY = table(StaffTable), table(ApprovalTable), table(PassphraseTable)
