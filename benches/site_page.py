"""The page of a live site for its signed-in owner, at 100 requests a second for 10 seconds.

Open loop: requests leave on time whether or not earlier ones were answered, and each is timed from when it should have left. That is
what a visitor feels, and more than the server's own time, which is read from /metrics as a second figure.
"""

import asyncio
import http.client
import re
import time

from house import House, finish, note, percentile, row

RATE, SECONDS = 100, 10
WARM_UP = 100
CONNECTIONS = 32
LIMIT_MS = 10


def sign_in(house):
    """Signs the owner in by a one-time link; returns the cookie."""
    link = house.run("member", "link", "olga@example.test")["sign_in_link"]
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)
    connection.request("POST", "/" + link.split("/", 3)[3])
    answer = connection.getresponse()
    answer.read()
    cookie = answer.getheader("Set-Cookie", "").split(";")[0]
    if answer.status != 303 or not cookie:
        raise SystemExit(f"signing in was answered with {answer.status}")
    return cookie


def within_limit(house):
    """How many answers the server has counted for the page, and how many of them within the limit."""
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    figures = []
    for le in (r"\+Inf", f"{LIMIT_MS / 1000:g}"):
        line = re.search(r'innkeeper_http_request_duration_seconds_bucket\{[^}]*route="/sites/\{app\}"[^}]*le="' + le + r'"\} (\d+)', text)
        figures.append(int(line.group(1)) if line else 0)
    return figures


class Load:
    def __init__(self, port, path, cookie):
        self.port = port
        self.request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
        self.idle, self.places = [], asyncio.Semaphore(CONNECTIONS)
        self.times, self.failures = [], 0

    async def one(self, due):
        async with self.places:
            try:
                reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(self.request)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
                length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
                await asyncio.wait_for(reader.readexactly(int(length.group(1))), 5)
                self.times.append((time.perf_counter() - due) * 1000)
                self.failures += not head.startswith(b"HTTP/1.1 200")
                self.idle.append((reader, writer))
            except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, AttributeError):
                self.failures += 1

    async def run(self, rate, seconds):
        self.times, self.failures = [], 0
        start, tasks = time.perf_counter() + 0.1, []
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(self.one(due)))
        await asyncio.wait_for(asyncio.gather(*tasks), 30)


async def measure(house, path, cookie):
    load = Load(house.port, path, cookie)
    await load.run(RATE, WARM_UP / RATE)
    before = within_limit(house)
    await load.run(RATE, SECONDS)
    after = within_limit(house)
    return load, [late - early for late, early in zip(after, before)]


with House() as house:
    house.serve()
    site = house.ask_for_site("page")
    if house.seconds_until_live(site["domain"], time.monotonic(), 60) is None:
        raise SystemExit("the site did not become live")
    house.operation_ends(site["app_id"])
    load, (answered, quick) = asyncio.run(measure(house, f"/sites/{site['app_id']}", sign_in(house)))
note(f"{len(load.times)} answers, p50 {percentile(load.times, 50) or 0:.2f} ms, max {max(load.times, default=0):.1f} ms; "
     f"the server counts {answered}")
row("site page, signed in, 100/s: p99 at the client", percentile(load.times, 99), LIMIT_MS, "ms")
row(f"… answers that took the server over {LIMIT_MS} ms", 100 * (answered - quick) / answered if answered else None, 1, "%", 2)
row("… answers that failed", load.failures, 0, "of 1000", 0)
finish()
