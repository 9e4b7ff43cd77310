"""A server of a benchmark's own, over the real Docker, Traefik and ACME server, and the table that figures go to.

Started by scripts/bench.sh, which brings up what is needed and names the program in $BENCH_BINARY. Standard library only.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time

PROJECT = "innkeeper-bench-edge"
BASE_DOMAIN = "bench.test"
SCOPES = "sites:read sites:write sites:deploy customers:read customers:write members:write admin"
RETURNED = 0


def row(name, figure, limit, unit, digits=1, at_least=False):
    """Prints one figure beside its limit; a missed one makes the benchmark fail."""
    global RETURNED
    kept = figure is not None and (figure >= limit if at_least else figure <= limit)
    RETURNED = RETURNED if kept else 1
    shown = "none" if figure is None else f"{figure:.{digits}f}"
    ratio = "–" if figure is None or not limit else f"{figure / limit:.2f}"
    print(f"{name:<52} {shown + ' ' + unit:>12} {('≥ ' if at_least else '') + f'{limit:g} {unit}':>12} {ratio:>6}  {'ok' if kept else 'MISSED'}", flush=True)


def note(text):
    """A remark on the way; the table stays clean."""
    print(f"  {text}", file=sys.stderr, flush=True)


def finish():
    """Ends the program: 1 when a limit was missed."""
    sys.exit(RETURNED)


def percentile(values, share):
    """The smallest value that `share` of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * share // 100) - 1))] if ordered else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def docker(*args):
    """Runs docker and returns what it printed."""
    return subprocess.run(["docker", *args], check=True, capture_output=True, text=True).stdout


def remove_containers():
    """Removes everything that a benchmark made in Docker: only what carries its label."""
    for label in (f"innkeeper.instance={PROJECT}", f"innkeeper.edge={PROJECT}"):
        ids = docker("ps", "--all", "--quiet", "--filter", f"label={label}").split()
        if ids:
            docker("rm", "--force", "--volumes", *ids)
    for kind in ("volume", "network"):
        for name in docker(kind, "ls", "--quiet", "--filter", f"label=innkeeper.instance={PROJECT}").split():
            docker(kind, "rm", name)


class House:
    """A data folder and, once `serve` was called, a server on it. `with House() as house:` takes everything down again."""

    def __init__(self, **settings):
        self.folder = tempfile.TemporaryDirectory(prefix="innkeeper-bench-")
        self.data = os.path.join(self.folder.name, "data")
        self.port = free_port()
        self.process = None
        self.token = None
        surroundings = {name: os.environ[f"INNKEEPER_TEST_{name}"] for name in
                        ("ACME_DIRECTORY", "ACME_CA", "ACME_ROOT", "ACME_HTTP_PORT", "ACME_HTTPS_PORT")}
        self.https_port = int(surroundings["ACME_HTTPS_PORT"])
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("INNKEEPER_") and name != "DATABASE_URL"}
        self.environment |= {f"INNKEEPER_{name.upper()}": str(value) for name, value in ({
            "server__public_url": f"http://127.0.0.1:{self.port}",
            "log__level": "warn",
            "hosting__base_domain": BASE_DOMAIN,
            "hosting__network_pool": "10.215.0.0/16",
            "hosting__sites_per_customer": 50,
            "hosting__image_cache": os.environ.get("INNKEEPER_HOSTING__IMAGE_CACHE", ""),
            "edge__project": PROJECT,
            "edge__address": "127.0.0.1",
            "edge__http_port": surroundings["ACME_HTTP_PORT"],
            "edge__https_port": self.https_port,
            "edge__api_port": 18098,
            "edge__acme_directory": surroundings["ACME_DIRECTORY"].replace("localhost", "host.docker.internal"),
            "edge__acme_ca": surroundings["ACME_CA"],
            "edge__trusted_roots": surroundings["ACME_ROOT"],
        } | settings).items()}
        self.visitor = ssl.create_default_context(cafile=surroundings["ACME_ROOT"])

    def __enter__(self):
        remove_containers()
        for port in (int(self.environment["INNKEEPER_EDGE__HTTP_PORT"]), self.https_port):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    sys.exit(f"port {port} is taken, perhaps by the demo's or the tests' Traefik: stop it first")
        self.run("migrate")
        self.run("member", "add", "--role", "admin", "--name", "Bench", "--email", "bench@example.test")
        self.token = self.run("token", "create", "--email", "bench@example.test", "--name", "bench", "--scopes", SCOPES)["token"]
        self.customer = self.run("customer", "create", "--name", "Bench & Co")["customer_uuid"]
        self.run("member", "add", "--role", "owner", "--customer", self.customer, "--name", "Olga", "--email", "olga@example.test")
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        remove_containers()
        # Containers ran as other users and may have left files of theirs.
        with contextlib.suppress(OSError):
            self.folder.cleanup()

    def run(self, *args):
        """Runs an `innkeeper` command and returns its JSON."""
        command = [os.environ["BENCH_BINARY"], "--data", self.data, "--json", *args]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"innkeeper {args[0]} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def sign_in(self, email="olga@example.test"):
        """Signs a member in by a one-time link; returns the cookie."""
        link = self.run("member", "link", email)["sign_in_link"]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", "/" + link.split("/", 3)[3])
        answer = connection.getresponse()
        answer.read()
        cookie = answer.getheader("Set-Cookie", "").split(";")[0]
        if answer.status != 303 or not cookie:
            raise SystemExit(f"signing in was answered with {answer.status}")
        return cookie

    def live_site(self, subdomain):
        """Asks for a site and waits until it is live and nothing is done to it any more; returns its id and domain."""
        site = self.ask_for_site(subdomain)
        if self.seconds_until_live(site["domain"], time.monotonic(), 120) is None:
            raise SystemExit("the site did not become live")
        self.operation_ends(site["app_id"])
        return site["app_id"], site["domain"]

    def database(self):
        """The server's database, beside the server."""
        return sqlite3.connect(os.path.join(self.data, "innkeeper.db"), timeout=30)

    def serve(self):
        """Starts the server and waits until each reconciler has run well once: Traefik is up, the templates' images are there."""
        command = [os.environ["BENCH_BINARY"], "--data", self.data, "serve", "--listen", f"127.0.0.1:{self.port}"]
        log = open(os.path.join(self.folder.name, "server.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(command, env=self.environment, stderr=log)
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"the server ended: {open(log.name, encoding='utf-8').read()[-2000:]}")
            with contextlib.suppress(OSError, KeyError):
                ran = self.api("GET", "/api/reconcilers")[1]["items"]
                if len(ran) >= 3 and not any(it["error"] for it in ran):
                    return
            time.sleep(0.2)
        sys.exit(f"the server is not ready after 900 s: {ran}")

    def api(self, method, path, body=None):
        """One call of the API: status and JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def ask_for_site(self, subdomain):
        """`POST /api/sites`; returns what it answers."""
        wish = {"site_type": "portfolio", "site_name": f"Site {subdomain}", "subdomain": subdomain, "customer": self.customer}
        status, answer = self.api("POST", "/api/sites", wish)
        if status != 201:
            raise RuntimeError(f"POST /api/sites answered {status}: {answer}")
        return answer

    def visit(self, domain):
        """Status of `GET /` over HTTPS as a visitor sees it; None while there is no trusted certificate or no answer."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            with socket.create_connection(("127.0.0.1", self.https_port), timeout=10) as tcp:
                with self.visitor.wrap_socket(tcp, server_hostname=domain) as tls:
                    tls.sendall(f"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode())
                    return int(tls.recv(4096).split(b" ")[1])
        return None

    def seconds_until_live(self, domain, started, limit):
        """Seconds from `started` to the first 200; None when `limit` seconds did not do."""
        while time.monotonic() - started < limit:
            if self.visit(domain) == 200:
                return time.monotonic() - started
            time.sleep(0.03)
        return None

    def operation_ends(self, site, limit=120):
        """Waits for the end of what is being done to a site, and returns it."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            status, operation = self.api("GET", f"/api/sites/{site}/operation")
            if status != 200 or operation["status"] != "running":
                return operation
            time.sleep(0.1)
        return {"status": "running", "error": f"did not end within {limit} s"}

    def answers_within(self, route, limit_ms):
        """How many answers the server has counted for a route, and how many of them within the limit, one of the metric's buckets."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        figures = []
        for le in (r"\+Inf", f"{limit_ms / 1000:g}"):
            bucket = r'innkeeper_http_request_duration_seconds_bucket\{[^}]*route="' + re.escape(route) + '"[^}]*le="' + le + r'"\} (\d+)'
            line = re.search(bucket, text)
            figures.append(int(line.group(1)) if line else 0)
        return figures

    def resident_mb(self):
        """Resident memory of the server in MB (of 1,000,000 bytes)."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith("VmRSS"))


class PeakMemory(threading.Thread):
    """Looks at a server's memory ten times a second: `with PeakMemory(house) as peak: …; peak.mb`."""

    def __init__(self, house):
        super().__init__(daemon=True)
        self.house, self.mb, self.over = house, 0.0, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            with contextlib.suppress(OSError):
                self.mb = max(self.mb, self.house.resident_mb())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
