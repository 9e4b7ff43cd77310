"""What the benchmarks of deployments share: a working copy that pushes, visitors over HTTPS, and clients with an open WebSocket."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import ssl
import subprocess
import time


class Copy:
    """A clone of a site's repository, pushed with the real git by a token of the house."""

    def __init__(self, house, site, folder):
        self.house, self.site, self.folder = house, site, folder
        self.address = f"http://127.0.0.1:{house.port}/git/{site}.git"
        secret = base64.b64encode(f"bench:{house.token}".encode()).decode()
        self.environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
                            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader",
                            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {secret}"}
        subprocess.run(["git", "clone", "--quiet", self.address, folder], check=True, env=self.environment)

    def git(self, *args):
        identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.test"]
        return subprocess.run(["git", *identity, *args], check=True, cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def write(self, path, text):
        with open(os.path.join(self.folder, path), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, path):
        with open(os.path.join(self.folder, path), encoding="utf-8") as file:
            return file.read()

    def commit(self, message):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").stdout.strip()

    def push(self):
        """Pushes and returns what git printed: it ends when the deployment has its verdict."""
        return self.git("push", "origin", "HEAD:main").stderr

    def mark(self, number):
        """Changes `www` and `api` in a way that their images differ, and that takes no long build."""
        for service in ("www", "api"):
            path = f"{service}/Dockerfile"
            text = re.sub(r"\nLABEL bench=.*\n", "\n", self.read(path))
            self.write(path, f"{text.rstrip()}\nLABEL bench={number}\n")
        # So that a line in the Dockerfile does not make the front end be compiled anew.
        self.write("www/.dockerignore", "Dockerfile\n.dockerignore\n")


def deployment_of(house, commit, site, limit=180):
    """The ended deployment of a commit: its row, as a dictionary."""
    deadline = time.monotonic() + limit
    columns = ["id", "state", "kind", "created_at", "started_at", "served_at", "finished_at", "error", "operation_id", "release_id"]
    while time.monotonic() < deadline:
        with house.database() as database:
            found = database.execute(
                f"select {', '.join('d.' + name for name in columns)}, o.state from deployment d"
                " left join site_operation o on o.id = d.operation_id where d.commit_hash = ? and d.site_id = ?"
                " order by d.created_at desc, d.id desc limit 1", (commit, site)).fetchone()
        database.close()
        if found and found[1] not in ("queued", "running") and found[-1] != "running":
            return dict(zip(columns, found))
        time.sleep(0.05)
    raise SystemExit(f"the deployment of {commit} did not end within {limit} s: {found}")


def step_times(house, operation):
    """Milliseconds of each step of an operation."""
    with house.database() as database:
        rows = database.execute("select name, finished_at - started_at from site_step where operation_id = ?", (operation,)).fetchall()
    database.close()
    return dict(rows)


class Visitors:
    """Requests at a fixed rate through the edge over TLS, on connections that are kept: `failures` lists what went wrong."""

    def __init__(self, house, domain, rate, connections=25, paths=("/", "/api/health")):
        self.house, self.domain, self.rate, self.paths = house, domain, rate, paths
        self.connections, self.idle = asyncio.Semaphore(connections), []
        self.asked, self.failures, self.over = 0, [], asyncio.Event()

    async def one(self, number):
        path = self.paths[number % len(self.paths)]
        async with self.connections:
            try:
                if self.idle:
                    reader, writer = self.idle.pop()
                else:
                    reader, writer = await asyncio.wait_for(asyncio.open_connection(
                        "127.0.0.1", self.house.https_port, ssl=self.house.visitor, server_hostname=self.domain), 5)
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.domain}\r\n\r\n".encode())
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
                length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
                if length:
                    await asyncio.wait_for(reader.readexactly(int(length.group(1))), 5)
                elif re.search(rb"(?i)\r\ntransfer-encoding: chunked", head):
                    while size := int(await asyncio.wait_for(reader.readuntil(b"\r\n"), 5), 16):
                        await asyncio.wait_for(reader.readexactly(size + 2), 5)
                    await reader.readexactly(2)
                if not head.startswith(b"HTTP/1.1 200"):
                    self.failures.append(f"{path}: {head.splitlines()[0].decode()}")
                self.idle.append((reader, writer))
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ssl.SSLError) as error:
                self.failures.append(f"{path}: {type(error).__name__} {error}")

    async def come(self):
        start, tasks = time.perf_counter(), set()
        while not self.over.is_set():
            await asyncio.sleep(max(0, start + self.asked / self.rate - time.perf_counter()))
            task = asyncio.create_task(self.one(self.asked))
            self.asked += 1
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.wait_for(asyncio.gather(*tasks), 30)


def owner_token(house, site):
    """What the owner's page of the site connects with: HS256 with the site's own secret."""
    with open(os.path.join(house.data, "sites", house.customer, site, ".env"), encoding="utf-8") as file:
        secret = re.search(r"^JWT_SECRET=(.*)$", file.read(), re.M).group(1)
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    body = part({"alg": "HS256"}) + "." + part({"aud": site, "role": "owner", "exp": int(time.time()) + 7200})
    return body + "." + base64.urlsafe_b64encode(hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()


class Socket:
    """A page of a site with a live channel: connects again whenever it is cut; `cuts` holds when that was (seconds since 1970)."""

    def __init__(self, house, site, domain):
        self.house, self.domain, self.token = house, domain, owner_token(house, site)
        self.cuts, self.refused, self.connected = [], 0, asyncio.Event()

    async def live(self):
        while True:
            try:
                await self.once()
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ssl.SSLError):
                pass
            if self.connected.is_set():
                self.cuts.append(time.time())
                self.connected.clear()
            else:
                self.refused += 1
                await asyncio.sleep(0.2)

    async def once(self):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.house.https_port, ssl=self.house.visitor, server_hostname=self.domain)
        try:
            key = base64.b64encode(os.urandom(16)).decode()
            writer.write((f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {self.domain}\r\nUpgrade: websocket\r\n"
                          f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            if not head.startswith(b"HTTP/1.1 101"):
                raise OSError(head.splitlines()[0].decode())
            while True:
                first, size = await reader.readexactly(2)
                if size == 126:
                    size = int.from_bytes(await reader.readexactly(2), "big")
                body = (await reader.readexactly(size)).decode(errors="replace")
                if first & 15 == 8:
                    raise OSError("closed")
                if body.startswith("0"):
                    self.send(writer, "40" + json.dumps({"token": self.token}))
                elif body == "2":
                    self.send(writer, "3")
                elif body.startswith("40"):
                    self.connected.set()
        finally:
            writer.close()

    @staticmethod
    def send(writer, text):
        data, mask = text.encode(), os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
        writer.write(bytes([0x81]) + length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))
