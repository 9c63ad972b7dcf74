"""The log of the office's store, over the tables of all its rooms."""

from kiosk.hq.log.chain import tables
from kiosk.hq.log.recorded import Log
from kiosk.hq.orders import tables as _orders
from kiosk.hq.partners import tables as _partners
from kiosk.hq.people import tables as _people
from kiosk.hq.persons import tables as _persons
from kiosk.hq.report import tables as _report
from kiosk.hq.schema import Schema
from kiosk.hq.settlement import tables as _settlement

ROOMS = (_orders, _partners, _people, _persons, _report, _settlement)
"""Every module of this office that declares tables: whoever opens a store knows them all."""

LOG = Log("office", tables(Schema.metadata))
