"""CPU that watching 200 idle containers costs, with figures every ten seconds: Innkeeper's, and Docker's beside it.

The containers sleep. They are adopted ones, so that nothing but watching is done to them: no route, no look from outside.
"""

import glob
import os
import time

from house import PROJECT, House, docker, finish, note, row

CONTAINERS = 200
SETTLE = 45
WINDOW = 60
LIMIT = 2
TICK = os.sysconf("SC_CLK_TCK")
ENGINE = ("dockerd", "containerd")


def cpu_seconds(pid):
    """User and system time of a process, and that of its ended children."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:13])) / TICK, sum(map(int, fields[13:15])) / TICK


def engine_seconds():
    """CPU time of Docker's own processes; not that of containers and their shims."""
    total = 0.0
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8") as comm:
                if comm.read().strip() in ENGINE:
                    total += cpu_seconds(path.split("/")[2])[0]
        except OSError:
            pass
    return total


def start_containers(house):
    """Starts the containers and writes them into the books as adopted."""
    now = int(time.time() * 1000)
    names = [f"customer-{9000 + number}-wordpress" for number in range(CONTAINERS)]
    for name in names:
        docker("run", "--detach", "--name", name, "--label", f"innkeeper.instance={PROJECT}", "--network", "none", "--memory", "16m",
               "--log-driver", "none", "--entrypoint", "sleep", "nginx:stable", "infinity")
    with house.database() as database:
        for number, name in enumerate(names):
            site = f"app_watch{number:03d}"
            database.execute(
                "insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets,"
                " owner_email, certificate_state, certificate_attempt, created_at, updated_at)"
                " values (?, ?, 'adopted', ?, ?, 'active', '', ?, -1, 'none', '', 'pending', 0, ?, ?)",
                (site, house.customer, name, f"watch-{number}.bench.test", f"rel_watch{number:013d}", now, now),
            )
            database.execute("insert into adopted_container (site_id, container, adopted_at) values (?, ?, ?)", (site, name, now))
    database.close()


with House() as house:
    note(f"starting {CONTAINERS} containers")
    start_containers(house)
    house.serve()
    note(f"settling for {SETTLE} s")
    time.sleep(SETTLE)
    before, engine_before, started = cpu_seconds(house.process.pid), engine_seconds(), time.monotonic()
    time.sleep(WINDOW)
    passed = time.monotonic() - started
    after, engine_after = cpu_seconds(house.process.pid), engine_seconds()
    with house.database() as database:
        (figures,) = database.execute("select count(distinct site_id) from usage_hour").fetchone()
    database.close()
    note(f"{figures} of {CONTAINERS} containers have figures on disk")
    row(f"Innkeeper, watching {CONTAINERS} idle containers, of a core", 100 * (after[0] - before[0]) / passed, LIMIT, "%", 2)
    row("containers without figures", CONTAINERS - figures, 0, "", 0)
    note(f"beside it: programs that Innkeeper started {100 * (after[1] - before[1]) / passed:.2f} %, "
         f"dockerd and containerd {100 * (engine_after - engine_before) / passed:.2f} % of a core; "
         f"Innkeeper's memory {house.resident_mb():.1f} MB")
finish()
