"""The command line: every group of commands in its place. Exit codes: docs/commands.md."""

import typer

from kiosk.commands import (
    backup,
    bench,
    card,
    conform,
    demo,
    detect,
    doctor,
    explain,
    hq_backup,
    hq_doctor,
    hq_explain,
    hq_import,
    hq_kiosks,
    hq_serve,
    journal,
    receipt,
    receipt_sample,
    report,
    reset,
    run,
    screens,
    sim_all,
    sim_card,
    sim_cash,
    sim_display,
    sim_modem,
    sim_printer,
    sim_tell,
    sim_terminal,
    sim_voice,
)
from kiosk.commands.boot import boot_app
from kiosk.commands.hq import hq_app
from kiosk.commands.hq_approve import approve_app
from kiosk.commands.hq_card import card_app as hq_cards
from kiosk.commands.hq_log import log_app
from kiosk.commands.hq_partner import partner_app
from kiosk.commands.hq_person import person_app as hq_persons
from kiosk.commands.hq_quote import order_app
from kiosk.commands.hq_report import report_app as hq_reports
from kiosk.commands.hq_settle import settle_app
from kiosk.commands.hq_staff import staff_app
from kiosk.commands.person import person_app
from kiosk.commands.sync import sync_app
from kiosk.commands.vault import vault_app

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="A recharge terminal for prepaid-electricity cards.")
sim = typer.Typer(no_args_is_help=True, help="Simulated devices, by hand: each stands behind a real port.")


def _group(name: str, says: str) -> typer.Typer:
    group = typer.Typer(no_args_is_help=True, help=says)
    group.callback()(lambda: None)  # one command alone would take the group's name
    app.add_typer(group, name=name)
    return group


app.command("run")(run.run)
app.command("init")(run.init)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("detect")(detect.detect)
app.command("conform")(conform.conform)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("reset")(reset.reset)
app.command("bench")(bench.bench)
app.command("explain")(explain.explain)
app.add_typer(card.card_app, name="card")
app.add_typer(vault_app, name="vault")
app.add_typer(boot_app, name="boot")
app.add_typer(person_app, name="person")
app.add_typer(sync_app, name="sync")
app.add_typer(hq_app, name="hq")
hq_backup.join(hq_app)
hq_doctor.join(hq_app)
hq_import.join(hq_app)
hq_kiosks.join(hq_app)
hq_serve.join(hq_app)
hq_app.command("explain", epilog="Example: kiosk hq explain K07-000123-9F --office /srv/office")(hq_explain.explain)
hq_app.add_typer(hq_cards, name="card")
hq_app.add_typer(hq_reports, name="report")
hq_app.add_typer(log_app, name="log")
hq_app.add_typer(order_app, name="order")
hq_app.add_typer(partner_app, name="partner")
hq_app.add_typer(settle_app, name="settle")
hq_app.add_typer(staff_app, name="staff")
hq_app.add_typer(approve_app, name="approve")
hq_app.add_typer(hq_persons, name="person")
_group("journal", "The journal: every fact of this kiosk, in order.").command("verify")(journal.verify)
receipts = _group("receipt", "Receipts and claim slips.")
receipts.command("verify")(receipt.verify)
receipts.command("sample")(receipt_sample.sample)
reports = _group("report", "What this kiosk's journal adds up to.")
reports.command("day")(report.day)
reports.command("box")(report.box)
pictures = _group("screens", "What customers see, as pictures, and how large its keys are.")
pictures.command("sheets")(screens.sheets)
pictures.command("best")(screens.best)
pictures.command("measures")(screens.measures)
app.add_typer(sim, name="sim")
sim.command("all")(sim_all.simulate_all)
sim.add_typer(sim_card.card_app, name="card")
sim.add_typer(sim_card.meter_app, name="meter")
sim.command("coins")(sim_cash.coins)
sim.command("notes")(sim_cash.notes)
sim.command("display")(sim_display.display)
sim.command("modem")(sim_modem.modem)
sim.command("printer")(sim_printer.printer)
sim.command("tell")(sim_tell.tell)
sim.command("terminal")(sim_terminal.terminal)
sim.command("voice", context_settings=sim_voice.AS_IT_IS)(sim_voice.voice)
