"""Ten restarts of a portfolio, one after the other: from asking for it to running and answering, and Innkeeper's own share of that."""

import statistics
import time

from house import House, finish, note, row

RESTARTS = 10


def restart(house, site, domain):
    """Seconds until the operation is done and a visitor is answered, and seconds in which no step was at work."""
    started = time.monotonic()
    status, answer = house.api("POST", f"/api/container/restart?app_id={site}")
    if status != 202:
        raise SystemExit(f"the restart was answered with {status}: {answer}")
    while True:
        _, operation = house.api("GET", f"/api/sites/{site}/operation")
        if operation["status"] != "running":
            break
        if time.monotonic() - started > 120:
            raise SystemExit("the restart did not end within 120 s")
        time.sleep(0.02)
    if operation["status"] != "done":
        raise SystemExit(f"the restart failed: {operation}")
    if house.seconds_until_live(domain, started, 120) is None:
        raise SystemExit("the site does not answer")
    took = time.monotonic() - started
    with house.database() as database:
        asked, ended, worked = database.execute(
            "select operation.created_at, operation.finished_at, sum(step.finished_at - step.started_at)"
            " from site_operation operation join site_step step on step.operation_id = operation.id"
            " where operation.site_id = ? and operation.kind = 'restart' group by operation.id order by operation.id desc limit 1",
            (site,),
        ).fetchone()
    database.close()
    return took, (ended - asked - worked) / 1000


with House(hosting__restart_pause_seconds=0) as house:
    house.serve()
    site, domain = house.live_site("restart")
    figures = [restart(house, site, domain) for _ in range(RESTARTS)]
whole, own = zip(*figures)
note(f"restarts took {min(whole):.2f} to {max(whole):.2f} s")
row("restart of a portfolio: click → answering, p50", statistics.median(whole), 6, "s", 2)
row("… Innkeeper's own share, p50", statistics.median(own), 0.2, "s", 3)
finish()
