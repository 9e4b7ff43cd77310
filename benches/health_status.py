"""`GET /api/container/status` with 50 known sites and their 200 containers, at 200 requests a second for 30 seconds.

The containers are small ones of Debian with the labels of a site's; to Innkeeper's watch they are the real thing. 60 questions a minute
is what one member may ask, so 160 members ask. What Innkeeper asks of Docker goes through a socket of this program, which counts.
"""

import os
import re
import socket
import subprocess
import threading
import time

from house import PROJECT, House, docker, finish, note, percentile, row
from load import Load

SITES, SERVICES = 50, ("alert", "api", "db", "www")
MEMBERS = 160
RATE, SECONDS = 200, 30
LIMIT_MS = 5
ENGINE = "/var/run/docker.sock"
QUESTION = re.compile(rb"(?:GET|POST|HEAD|DELETE|PUT) /\S* HTTP/1\.1\r\n")


class CountedEngine:
    """A socket that forwards to Docker's and counts the questions."""

    def __init__(self, path):
        self.questions = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(ENGINE)
            threading.Thread(target=self.forward, args=(client, engine, True), daemon=True).start()
            threading.Thread(target=self.forward, args=(engine, client, False), daemon=True).start()

    def forward(self, source, target, counted):
        try:
            while data := source.recv(65536):
                self.questions += len(QUESTION.findall(data)) if counted else 0
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def add_sites(house):
    now = int(time.time() * 1000)
    names = [f"app_bench{number:03d}" for number in range(SITES)]
    with house.database() as database:
        for number, site in enumerate(names):
            database.execute(
                "insert into site (id, customer_id, kind, name, domain, state, template_version, release_id, network_slot, secrets,"
                " owner_email, certificate_state, certificate_attempt, created_at, updated_at)"
                " values (?, ?, 'portfolio', ?, ?, 'active', '1', ?, ?, 'none', 'olga@example.test', 'pending', 0, ?, ?)",
                (site, house.customer, f"Site {number}", f"status-{number}.bench.test", f"rel_bench{number:013d}", number, now, now),
            )
    database.close()
    return names


def start_containers(sites):
    """Eight at a time: starting is what takes long."""
    commands = [
        ["docker", "run", "--detach", "--network", "none", "--init", "--label", f"innkeeper.site={site}", "--label",
         f"innkeeper.service={service}", "--label", f"innkeeper.instance={PROJECT}", "debian:bookworm-slim", "sleep", "infinity"]
        for site in sites for service in SERVICES
    ]
    for first in range(0, len(commands), 8):
        started = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands[first:first + 8]]
        if any(process.wait() for process in started):
            raise SystemExit("a container did not start")


def add_members(house):
    tokens = []
    for number in range(MEMBERS):
        email = f"asks-{number}@example.test"
        house.run("member", "add", "--role", "owner", "--customer", house.customer, "--name", f"Asker {number}", "--email", email)
        tokens.append(house.run("token", "create", "--email", email, "--name", "bench", "--scopes", "sites:read")["token"])
    return tokens


def measure(house, engine, requests):
    load = Load(house.port, requests)
    load.run(RATE, 1)
    note(f"warmed up: {load.failures} failures")
    before, asked = house.answers_within("/api/container/status", LIMIT_MS), engine.questions
    load.run(RATE, SECONDS)
    return load, [late - early for late, early in zip(house.answers_within("/api/container/status", LIMIT_MS), before)], engine.questions - asked


with House(hosting__prepare_templates="false") as house:
    path = os.path.join(house.folder.name, "engine.sock")
    engine = CountedEngine(path)
    house.environment["DOCKER_HOST"] = f"unix://{path}"
    sites = add_sites(house)
    note(f"starting {SITES * len(SERVICES)} containers")
    start_containers(sites)
    tokens = add_members(house)
    house.serve()
    deadline = time.monotonic() + 60
    while house.api("GET", f"/api/container/status?app_id={sites[-1]}")[1]["services"][0]["status"] != "running":
        if time.monotonic() > deadline:
            raise SystemExit("the containers were not seen within 60 s")
        time.sleep(0.5)
    asked = engine.questions
    time.sleep(SECONDS)
    idle = engine.questions - asked
    requests = [(f"/api/container/status?app_id={sites[number % SITES]}", f"Authorization: Bearer {token}") for number, token in enumerate(tokens)]
    load, (answered, quick), loaded = measure(house, engine, requests)
    note(f"Docker was asked {idle} questions in {SECONDS} s without requests, and {loaded} with them")
note(f"{len(load.times)} answers, p50 {percentile(load.times, 50) or 0:.2f} ms, max {max(load.times, default=0):.1f} ms; "
     f"the server counts {answered}, {quick} of them within {LIMIT_MS} ms; requests left up to {load.late_ms:.2f} ms late (p99)")
for reason, count in load.reasons.items():
    note(f"{count} failed: {reason}")
row("site status, 50 sites, 200/s: p99 at the client", percentile(load.times, 99), LIMIT_MS, "ms", 2)
row("… answers that failed", load.failures, 0, f"of {RATE * SECONDS}", 0)
row("… questions to Docker per answer, beyond idle", max(0, loaded - idle) / answered if answered else None, 0.01, "", 4)
finish()
