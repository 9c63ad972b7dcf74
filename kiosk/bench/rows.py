"""All rows of the bench with their aims, in the order in which they are run."""

from functools import partial

from kiosk.bench import batch, codecs, devices, imports, keys, paint, reports, restore, sale, simulation, store, switch, unlock
from kiosk.bench.table import Row

ROWS = {
    "commit_vs_raw_sqlite": Row(store.commit_vs_raw_sqlite, "", 0.7, "higher"),
    "fsyncs_per_sale": Row(sale.fsyncs_per_sale, "", 12),
    "apdus_per_recharge": Row(sale.apdus_per_recharge, "", 23),
    "scripted_sale_ms": Row(sale.scripted_sale_ms, "ms", None),
    "note_to_paint_p95_ms": Row(paint.note_to_paint, "ms", 8),
    "durable_to_paint_p95_ms": Row(paint.durable_to_paint, "ms", 5),
    "key_to_paint_p95_ms": Row(paint.key_to_paint, "ms", 5),
    "screen_switch_p95_ms": Row(switch.screen_switch, "ms", 8),
    "language_switch_ms": Row(switch.language_switch, "ms", 20),
    "palette_switch_ms": Row(switch.palette_switch, "ms", 20),
    "catalogue_complete_pct": Row(switch.catalogue_complete, "%", 100, "higher"),
    "paint_bytes_per_note": Row(paint.bytes_per_note, "bytes", 6_500),
    "first_paint_s": Row(paint.first_paint, "s", 0.35),
    "idle_cpu_pct": Row(paint.idle_cpu, "%", 0.3),
    "key_to_paint_all_silent_over_quiet": Row(devices.key_to_paint_all_silent_over_quiet, "", 1.2),
    "idle_cpu_all_devices_pct": Row(devices.idle_cpu_all_devices, "%", 3),
    **{f"idle_cpu_{role}_pct": Row(partial(devices.idle_cpu_of, role), "%", None) for role in devices.ROLES},
    "rss_mib": Row(paint.resident, "MiB", 80),
    "derive_vs_bare_cmac": Row(keys.derive_vs_bare_cmac, "", 0.5, "higher"),
    "pkcs11_derive_vs_token": Row(keys.pkcs11_derive_vs_token, "", 0.9, "higher"),
    "unlock_s": Row(unlock.unlock_s, "s", 2),
    "startup_1m_over_10k": Row(store.startup_1m_over_10k, "", 1.1),
    "monthly_report_10m_ms": Row(reports.monthly_report_10m_ms, "ms", 20),
    "monthly_report_vs_recompute": Row(reports.monthly_report_vs_recompute, "", 12, "higher"),
    "import_vs_copy": Row(imports.import_vs_copy, "", 0.75, "higher"),
    "import_250row_batches_per_s": Row(imports.import_250row_batches_per_s, "", 900, "higher"),
    "import_sqlite_vs_executemany": Row(imports.import_sqlite_vs_executemany, "", 0.6, "higher"),
    "restore_1m_sales_s": Row(restore.restore_1m_sales_s, "s", None),
    "restore_lost_rows": Row(restore.restore_lost_rows, "rows", 0),
    "simulation_steps_per_s": Row(simulation.simulation_steps_per_s, "", 5_000, "higher"),
    "batch_bytes_per_row": Row(batch.batch_bytes_per_row, "bytes", 32),
    "batch_encode_1000_ms": Row(batch.batch_encode_1000_ms, "ms", None),
    "batch_decode_1000_ms": Row(batch.batch_decode_1000_ms, "ms", 2),
    **{f"codec_{name}_mb_per_s": Row(partial(codecs.mb_per_s, name), "MB/s", None, "higher") for name in codecs.CODECS},
}
