"""Resident memory of `innkeeper serve` that nobody uses, with no and with 50 known sites.

The 50 are rows of stopped sites: what is measured is what Innkeeper holds, not what containers do.
"""

import statistics
import time

from house import House, finish, note, row

SETTLE = 30
LIMITS = {0: 40, 50: 60}


def add_stopped_sites(house, count):
    now = int(time.time() * 1000)
    with house.database() as database:
        for number in range(count):
            site, operation = f"app_bench{number:03d}", f"op_bench{number:013d}"
            database.execute(
                "insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets,"
                " owner_email, certificate_state, certificate_attempt, created_at, updated_at)"
                " values (?, ?, 'portfolio', ?, ?, 'stopped', '1', ?, ?, 'none', 'olga@example.test', 'pending', 0, ?, ?)",
                (site, house.customer, f"Site {number}", f"idle-{number}.bench.test", f"rel_bench{number:013d}", number, now, now),
            )
            database.execute(
                "insert into site_operation (id, site_id, kind, state, requested_by, created_at, finished_at)"
                " values (?, ?, 'create', 'done', 'Olga', ?, ?)",
                (operation, site, now, now),
            )
    database.close()


for sites, limit in LIMITS.items():
    with House() as house:
        add_stopped_sites(house, sites)
        house.serve()
        note(f"{sites} sites: settling for {SETTLE} s")
        time.sleep(SETTLE)
        samples = []
        for _ in range(10):
            samples.append(house.resident_mb())
            time.sleep(1)
        row(f"resident memory, idle, {sites} known sites", statistics.median(samples), limit, "MB")
finish()
