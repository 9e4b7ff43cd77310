"""Scores of a large house: one customer's health at 500 requests a second, all of them made anew, and the pages of customers.

100,000 customers with 20 million events of 90 days, put in by the writer itself; BENCH_SCALE=0.01 for a try. On SQLite and on PostgreSQL.
"""

import os
import statistics
import time

from events import check, houses
from house import finish, note, percentile, row
from load import Load

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
CUSTOMERS, EVENTS = int(100_000 * SCALE), int(20_000_000 * SCALE)
RATE, SECONDS = 500, 20
# The columns that the page sorts by.
SORTS = ("score", "name", "trend", "7d", "30d", "moved", "seen", "since")


def pages(house, cookie, paths, rate=20, seconds=15):
    load = Load(house.port, [(path, f"Cookie: {cookie}") for path in paths])
    load.run(rate, 2)
    load.times.clear()
    load.run(rate, seconds)
    for reason, count in load.reasons.items():
        note(f"pages: {count} × {reason}")
    return load


def told_sizes(house, events):
    sizes = house.sizes()
    groups = {
        "raw": ("event_block",),
        "ids": ("event_id_run", "event_id_page"),
        "counts by the day": ("subject_days", "event_day", "invoice"),
        "who is who": ("subject", "subject_name", "event_word", "customer_changed"),
    }
    per_event = {name: sum(sizes.get(table, 0) for table in tables) / events for name, tables in groups.items()}
    note(f"{house.name}: bytes per event: " + ", ".join(f"{name} {size:.1f}" for name, size in per_event.items()))
    return sum(per_event.values())


for house in houses():
    with house:
        filled = house.fill(CUSTOMERS, EVENTS)
        note(f"{house.name}: filled at {filled['events_per_s']} events/s in {filled['seconds']} s")
        house.serve()
        idle = []
        time.sleep(30)
        for _ in range(10):
            idle.append(house.memory())
            time.sleep(1)
        row(f"{house.name}: idle memory with {EVENTS:,} events", statistics.median(idle), 50, "MB")
        row("… bytes on disk per event, raw and counts", told_sizes(house, EVENTS), 150, "B")

        before = house.memory(peak=True)
        started = time.monotonic()
        status, answer = house.api("POST", "/api/analytics/dashboard/health/recalculate/")
        # Done by a job: followed until it is over, so that the figure holds the wait for a worker, too.
        while status in (200, 202) and answer["state"] in ("waiting", "running"):
            time.sleep(0.02)
            status, answer = house.api("GET", f"/api/health/runs/{answer['id']}")
        took = time.monotonic() - started
        if status not in (200, 202) or answer["state"] != "done":
            note(f"recalculate answered {status}: {answer}")
        row(f"{house.name}: all {CUSTOMERS:,} scores made anew, 90 days", took, 3, "s", 2)
        row("… memory beyond what it had before", max(0.0, house.memory(peak=True) - before), 60, "MB")

        result = check(house.load(door="get", customers=CUSTOMERS, rate=RATE, seconds=SECONDS, connections=32), "health")
        row(f"{house.name}: GET /api/customers/…/health at {RATE}/s, p99", result["p99_ms"], 2, "ms", 2)
        note(f"p50 {result['p50_ms']} ms, max {result['max_ms']} ms, answers {result['answers']}")

        cookie = house.sign_in("bench@example.test")
        paths = [f"/admin/customers?sort={sort}&order={order}" for sort in SORTS for order in ("asc", "desc")]
        load = pages(house, cookie, paths)
        row(f"{house.name}: customers page, any column, 20/s: p95 at the client", percentile(load.times, 95), 30, "ms")
        some = [line["customer_uuid"] for line in house.api("GET", "/api/customers?limit=50")[1]["items"]]
        load = pages(house, cookie, [f"/admin/customers/{it}" for it in some])
        row("… customer page: p95 at the client", percentile(load.times, 95), 30, "ms")
finish()
