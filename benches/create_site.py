"""From `POST /api/sites` to the first 200 over HTTPS through the edge, ten times one after another, images present.

Innkeeper's own share is what it does besides waiting for Docker, for the database and for the certificate: the steps in OWN and the
pauses between all steps. Their times are read from the database, where they stand in milliseconds.
"""

import statistics
import time

from house import House, finish, note, row

RUNS = 10
LIMIT_S = 60
OWN = {"folder", "environment", "repository", "webhook", "compose"}


def own_share(house, site):
    database = house.database()
    (operation, asked, ended), = database.execute(
        "select id, created_at, finished_at from site_operation where site_id = ? and kind = 'create'", (site,))
    steps = database.execute(
        "select name, started_at, finished_at from site_step where operation_id = ? order by position", (operation,)).fetchall()
    database.close()
    note(", ".join(f"{name} {finished - started}" for name, started, finished in steps) + " ms")
    working = sum(finished - started for name, started, finished in steps if name in OWN)
    pauses = (ended - asked) - sum(finished - started for _, started, finished in steps)
    return (working + pauses) / 1000


seconds, shares = [], []
with House() as house:
    house.serve()
    for run in range(RUNS):
        started = time.monotonic()
        site = house.ask_for_site(f"run-{run}")
        took = house.seconds_until_live(site["domain"], started, LIMIT_S)
        operation = house.operation_ends(site["app_id"])
        if took is None or operation["status"] != "done":
            note(f"run {run}: {operation['status']}, {operation.get('error')}")
            seconds.append(float("inf"))
            continue
        seconds.append(took)
        shares.append(own_share(house, site["app_id"]))
        note(f"run {run}: live after {took:.2f} s, own share {shares[-1]:.2f} s")
        house.api("DELETE", f"/api/sites/{site['app_id']}")
        house.operation_ends(site["app_id"])
row("new site live over HTTPS, p50 of 10", statistics.median(seconds), 8, "s", 2)
row("… of which Innkeeper's own share, p50", statistics.median(shares) if shares else None, 0.5, "s", 2)
finish()
