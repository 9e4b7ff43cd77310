"""Push → served with unchanged images, and rollback → served; Innkeeper's own share without Docker, health interval and drain."""

import os
import statistics
import tempfile
import time

from deploying import Copy, deployment_of, step_times
from house import House, finish, note, row

ROUNDS = 10

with House(hosting__drain_seconds=2, hosting__watch_seconds=0) as house, tempfile.TemporaryDirectory() as folder:
    house.serve()
    site, _ = house.live_site("deploy-time")
    copy = Copy(house, site, os.path.join(folder, "copy"))
    served, own, back = [], [], []
    for number in range(ROUNDS):
        copy.write("NOTES", f"{number}\n")
        commit = copy.commit(f"Nothing that is built changes {number}")
        begun = time.time()
        copy.push()
        found = deployment_of(house, commit, site)
        if found["state"] != "success":
            raise SystemExit(f"ended as {found['state']}: {found['error']}")
        served.append(found["served_at"] / 1000 - begun)
        steps = step_times(house, found["operation_id"])
        by_docker = steps["migrate"] + steps["start_beside"] + steps["switch"]
        own.append((found["served_at"] - begun * 1000 - by_docker) / 1000)
        note(f"{served[-1]:.2f} s, steps {steps}")
    for number in range(ROUNDS):
        begun = time.time()
        status, answer = house.api("POST", f"/api/sites/{site}/rollback", {})
        if status != 202:
            raise SystemExit(f"the rollback was answered with {status}: {answer}")
        while True:
            with house.database() as database:
                found = database.execute("select served_at, state, error from deployment where id = ?", (answer["deployment_id"],)).fetchone()
            database.close()
            if found[0]:
                break
            if found[1] not in ("queued", "running") or time.time() - begun > 60:
                raise SystemExit(f"the rollback ended as {found}")
            time.sleep(0.02)
        back.append(found[0] / 1000 - begun)
        house.operation_ends(site)
    row("push → served, unchanged images, p50", statistics.median(served), 5, "s", 2)
    row("… Innkeeper's own share with git, p50", statistics.median(own), 0.7, "s", 2)
    row("rollback → old release served, p50", statistics.median(back), 4, "s", 2)
finish()
