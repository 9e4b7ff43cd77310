"""Requests at a fixed rate, as many visitors make them.

Open loop: requests leave on time whether or not earlier ones were answered, and each is timed from when it should have left.
"""

import asyncio
import collections
import re
import time

CONNECTIONS = 32


class Refused(Exception):
    """An answer other than 200."""


class Load:
    """Asks for each of `requests` (path, header line) in turn: `await load.run(rate, seconds)`, then `times` (ms) and `failures`."""

    def __init__(self, port, requests):
        self.port = port
        self.requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}\r\n\r\n".encode() for path, header in requests]
        self.idle, self.places = [], asyncio.Semaphore(CONNECTIONS)
        self.times, self.reasons, self.reopened, self.sent = [], collections.Counter(), 0, 0

    @property
    def failures(self):
        return sum(self.reasons.values())

    async def one(self, request, due):
        async with self.places:
            try:
                await self.answered(request)
                self.times.append((time.perf_counter() - due) * 1000)
            except (Refused, OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
                self.reasons[f"{type(error).__name__}: {error}"] += 1

    async def answered(self, request):
        """Like every client: a connection that the server closed while nobody used it (after 15 s) is no answer, and another is opened."""
        while self.idle:
            connection = self.idle.pop()
            try:
                return await self.ask(connection, request)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                connection[1].close()
                if getattr(error, "partial", b""):
                    raise
                self.reopened += 1
        return await self.ask(await asyncio.open_connection("127.0.0.1", self.port), request)

    async def ask(self, connection, request):
        reader, writer = connection
        writer.write(request)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        await asyncio.wait_for(reader.readexactly(int(length.group(1)) if length else 0), 5)
        self.idle.append(connection)
        if not head.startswith(b"HTTP/1.1 200"):
            raise Refused(head.splitlines()[0].decode())

    async def run(self, rate, seconds):
        self.times, self.reasons, self.reopened = [], collections.Counter(), 0
        start, tasks = time.perf_counter() + 0.1, []
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            request = self.requests[self.sent % len(self.requests)]
            self.sent += 1
            tasks.append(asyncio.create_task(self.one(request, due)))
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
