"""Funnels and cohorts of a large house: a funnel of six steps over 30 days with 10 million events, twelve weeks of 100,000 people.

Put in by the writer itself; BENCH_SCALE=0.01 for a try. On SQLite and on PostgreSQL. `cargo build --release -p insight --examples` first.
"""

import asyncio
import os

from events import houses, program
from house import finish, note, percentile, row
from load import Load

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
CUSTOMERS, EVENTS = int(100_000 * SCALE), int(10_000_000 * SCALE)
PAGES = ("/admin/funnel", "/admin/funnel?kind=cohort")


async def pages(house, cookie, path, rate=20, seconds=10):
    load = Load(house.port, [(path, f"Cookie: {cookie}")])
    await load.run(rate, 2)
    load.times.clear()
    await load.run(rate, seconds)
    return load


for house in houses():
    with house:
        filled = house.fill(CUSTOMERS, EVENTS, days=30)
        note(f"{house.name}: filled at {filled['events_per_s']} events/s")
        told = program("bench_funnel", "--database", house.address, "--days", 30)
        note(f"{house.name}: {told}")
        row(f"{house.name}: funnel of 6 steps, {told['events_in_range']:,} events: first", told["funnel"]["first_ms"], 1000, "ms")
        row("… again", told["funnel"]["again_ms"], 50, "ms", 1)
        row("… its people", told["funnel"]["people_ms"], 200, "ms", 1)
        row(f"… by week of {told['retention_12_weeks']['people']:,} people: first", told["retention_12_weeks"]["first_ms"], 300, "ms")
        row("… again", told["retention_12_weeks"]["again_ms"], 50, "ms", 1)
        house.serve()
        cookie = house.sign_in("bench@example.test")
        for path in PAGES:
            load = asyncio.run(pages(house, cookie, path))
            row(f"… {path}: p95 at the client", percentile(load.times, 95), 50, "ms")
finish()
