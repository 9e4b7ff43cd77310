"""Events taken in over HTTP: batches and single ones, on SQLite and on PostgreSQL, beside the writer alone and beside the baseline.

The load generator is on the same machine, in one thread; bodies are made before the clock starts. All events have ids of their own, so all
are looked up, stored and counted.
"""

import os
import tempfile

from events import Baseline, check, houses, note, postgres_database, program
from house import finish, row

SECONDS = int(os.environ.get("BENCH_SECONDS", "15"))
CUSTOMERS = 1000
LIMITS = {"SQLite": {"batch": 60_000, "single": 10_000}, "PostgreSQL": {"batch": 35_000, "single": 10_000}}


def measure(target, name, batch_limit=None, single_limit=None):
    first = 0

    def load(what, **options):
        nonlocal first
        # Twice what can be needed: no event is sent twice by two runs.
        options = {"customers": CUSTOMERS, "seconds": SECONDS, "first": first} | options
        first += 50_000_000
        return check(target.load(**options), f"{name}, {what}")

    load("warm-up", seconds=3, batch=100, connections=16, expect=100_000)
    best = load("batches", batch=100, connections=16, expect=120_000)
    row(f"{name}: events/s, gzip batches of 100, 16 connections", best["events_per_s"], batch_limit or 0, "/s", 0, at_least=True)
    half = load("batches at half the rate", batch=100, connections=32, rate=best["requests_per_s"] / 2)
    row("… at half of it: acknowledged, p99", half["p99_ms"], 50 if batch_limit else 1e9, "ms")
    single = load("single events", batch=1, connections=64, expect=20_000)
    row(f"{name}: single events/s, 64 connections", single["events_per_s"], single_limit or 0, "/s", 0, at_least=True)
    segment = load("Segment", door="segment", batch=100, connections=16, expect=120_000)
    note(f"{name}, the same batches as Segment's: {segment['events_per_s']:.0f}/s")


for house in houses():
    with house:
        house.fill(CUSTOMERS, 1)
        house.serve()
        measure(house, house.name, LIMITS[house.name]["batch"], LIMITS[house.name]["single"])
        note(f"{house.name}: memory peak {house.memory(peak=True):.0f} MB")
        customers = [line["customer_uuid"] for line in house.run("customer", "list")]

with tempfile.TemporaryDirectory() as folder:
    alone = program("fill", "--database", f"sqlite:{folder}/a.db", "--customers", CUSTOMERS, "--events", 1_000_000)
    note(f"the writer alone on SQLite, batches of 5000, no HTTP: {alone['events_per_s']}/s")
with postgres_database() as address:
    alone = program("fill", "--database", address, "--customers", CUSTOMERS, "--events", 1_000_000)
    note(f"the writer alone on PostgreSQL, batches of 5000, no HTTP: {alone['events_per_s']}/s")

if os.environ.get("BASELINE_PYTHON"):
    with postgres_database() as address, Baseline(address, customers) as baseline:
        result = check(baseline.load(customers=CUSTOMERS, seconds=SECONDS, batch=100, connections=16, expect=20_000), "baseline")
        note(f"baseline (FastAPI, SQLAlchemy, PostgreSQL): {result['events_per_s']:.0f} events/s in batches")
        result = check(baseline.load(customers=CUSTOMERS, seconds=SECONDS, batch=1, gzip="no", door="native", connections=64, expect=5_000), "baseline")
        note(f"baseline: {result['events_per_s']:.0f} single events/s, p99 {result['p99_ms']:.0f} ms")
else:
    note("no baseline: see benches/baseline/README.md")
finish()
