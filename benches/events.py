"""What the benchmarks of events share: a server on either database that was filled, the load generator, the raw limit, the baseline.

Programs come from $BENCH_BINARY (innkeeper) and the folder of examples beside it (`cargo build --release -p events --examples`).
"""

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.request

from house import House, free_port, note
from load import program

POSTGRES = os.environ.get("INNKEEPER_TEST_POSTGRES_URL", "")
SCOPES = "events:write customers:read customers:write members:write sites:read admin"


@contextlib.contextmanager
def postgres_database():
    """A PostgreSQL database of this benchmark's own; yields its address."""
    name = f"bench_{os.getpid()}_{int(time.time() * 1000) % 100000}"
    subprocess.run(["psql", POSTGRES, "-qc", f"create database {name}"], check=True)
    try:
        yield f"{POSTGRES.rsplit('/', 1)[0]}/{name}"
    finally:
        subprocess.run(["psql", POSTGRES, "-qc", f"drop database {name} with (force)"], check=True)


class EventHouse(House):
    """A house whose database is `sqlite` or an address of PostgreSQL; filled with `fill` before it is served."""

    def __init__(self, database="", **settings):
        # No site is made, so no certificate either: the edge may be at any port.
        ports = {f"edge__{name}_port": free_port() for name in ("http", "https", "api")}
        super().__init__(**ports, **({"database__url": database} if database else {}), **settings)
        self.https_port = ports["edge__https_port"]
        self.address = database or f"sqlite:{self.data}/innkeeper.db"
        self.name = "PostgreSQL" if database else "SQLite"

    def __enter__(self):
        super().__enter__()
        self.token = self.run("token", "create", "--email", "bench@example.test", "--name", "load", "--scopes", SCOPES)["token"]
        return self

    def fill(self, customers, events, days=90):
        return program("fill", "--database", self.address, "--customers", customers, "--events", events, "--days", days, "--by", "customer")

    def load(self, **options):
        """Runs the load generator against the server; `rate`, `batch`, `connections`, `seconds`, `door`, `first`, …"""
        args = [word for name, value in options.items() for word in (f"--{name}", value)]
        return program("load", "--to", f"127.0.0.1:{self.port}", "--token", self.token, *args)

    def memory(self, peak=False):
        """Resident memory of the server in MB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            wanted = "VmHWM" if peak else "VmRSS"
            return int(re.search(rf"{wanted}:\s+(\d+)", status.read()).group(1)) * 1.024 / 1000

    def sizes(self):
        """Bytes on disk by table (indexes included)."""
        if self.name == "SQLite":
            with contextlib.closing(self.database()) as database:
                database.execute("pragma wal_checkpoint(truncate)")
                with contextlib.suppress(Exception):
                    rows = database.execute("select m.tbl_name, sum(s.pgsize) from dbstat s join sqlite_master m on m.name = s.name group by 1")
                    return dict(rows.fetchall())
                return {"all": os.path.getsize(os.path.join(self.data, "innkeeper.db"))}
        text = subprocess.run(["psql", self.address, "-Atc", "select relname, pg_total_relation_size(oid) from pg_class where relkind = 'r'"
                               " and relnamespace = 'public'::regnamespace"], check=True, capture_output=True, text=True).stdout
        return {line.split("|")[0]: int(line.split("|")[1]) for line in text.splitlines()}


def houses(**settings):
    """A house on SQLite, then one on PostgreSQL."""
    yield EventHouse(**settings)
    with postgres_database() as address:
        yield EventHouse(address, **settings)


class Baseline:
    """The baseline service on a database of its own, with two workers."""

    def __init__(self, address, customers):
        self.python = os.environ["BASELINE_PYTHON"]
        self.folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "baseline")
        self.environment = os.environ | {"BASELINE_DATABASE": address.replace("postgres://", "postgresql+psycopg://")}
        self.customers, self.port = customers, free_port()

    def __enter__(self):
        subprocess.run([self.python, "app.py"], cwd=self.folder, env=self.environment, input="\n".join(self.customers), text=True, check=True)
        self.process = subprocess.Popen([self.python, "-m", "uvicorn", "app:app", "--port", str(self.port), "--workers", "2", "--log-level", "error",
                                         "--no-access-log"], cwd=self.folder, env=self.environment)
        for _ in range(150):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2).read()
                return self
            time.sleep(0.2)
        sys.exit("the baseline did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def load(self, **options):
        args = [word for name, value in options.items() for word in (f"--{name}", value)]
        return program("load", "--to", f"127.0.0.1:{self.port}", "--token", "none", *args)


def check(result, what):
    """Says what was not answered with 200."""
    bad = {status: count for status, count in result["answers"].items() if status != "200"}
    if bad:
        note(f"{what}: other answers: {bad}")
    if result["ran_dry"]:
        note(f"{what}: the load generator had nothing left to send; raise --expect")
    return result
