"""The tables of persons: who a reference is, who was erased, and who of the office looked. No other table names anybody.

A reference is drawn by lot, so neither a card's number nor a customer's leads to it but through the registry's binding or a kiosk's fact.
"""

from sqlalchemy import Index, Text
from sqlmodel import Field

from kiosk.hq.schema import Big, Int, Schema, free, table

NO_MONEY = free("it says nothing of money, and a person that was erased stands in no log")
OFFICE = 0  # in the place of a kiosk's number


class PersonTable(Schema, table=True):
    """One thing that is known of somebody, until `expires_ms`. `kind`: name | phone | address.

    `kiosk_no`: who told it, 0 the office itself; of one kiosk's letters the one of the later `made_ms` holds.
    """

    __tablename__ = "person"
    __table_args__ = (Index("person_end", "expires_ms"), NO_MONEY)
    subject: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(sa_type=Text)
    kiosk_no: int = Field(sa_type=Int)
    made_ms: int = Field(sa_type=Big)
    expires_ms: int = Field(sa_type=Big)


class ErasedTable(Schema, table=True):
    """A reference behind which nobody stands any more, by whose word (`kiosk_no`, 0 the office): what comes late does not bring them back.

    `until_ms`: no kiosk keeps whoever that was for longer; up to then the word goes to the kiosks.
    """

    __tablename__ = "person_erased"
    __table_args__ = NO_MONEY
    subject: str = Field(primary_key=True, sa_type=Text)
    kiosk_no: int = Field(primary_key=True, sa_type=Int, sa_column_kwargs={"autoincrement": False})
    at_ms: int = Field(sa_type=Big)
    until_ms: int = Field(sa_type=Big)


class PersonAuditTable(Schema, table=True):
    """Who of the office did what with a person's data, and why: written before it is shown. `what`: shown | put | erased.

    `id`: 16 random hex digits.
    """

    __tablename__ = "person_audit"
    __table_args__ = (Index("person_audit_subject", "subject", "at_ms"), NO_MONEY)
    id: str = Field(primary_key=True, sa_type=Text)
    at_ms: int = Field(sa_type=Big)
    subject: str = Field(sa_type=Text)
    what: str = Field(sa_type=Text)
    who: str = Field(sa_type=Text)
    why: str = Field(sa_type=Text)


PERSON, ERASED, PERSON_AUDIT = table(PersonTable), table(ErasedTable), table(PersonAuditTable)
