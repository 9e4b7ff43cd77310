"""Requests at a fixed rate, as many visitors make them.

Open loop: requests leave on time whether or not earlier ones were answered, and each is timed from when it should have left.
"""

import asyncio
import re
import time

CONNECTIONS = 32


class Load:
    """Asks for each of `requests` (path, header line) in turn: `await load.run(rate, seconds)`, then `times` (ms) and `failures`."""

    def __init__(self, port, requests):
        self.port = port
        self.requests = [f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}\r\n\r\n".encode() for path, header in requests]
        self.idle, self.places = [], asyncio.Semaphore(CONNECTIONS)
        self.times, self.failures, self.sent = [], 0, 0

    async def one(self, request, due):
        async with self.places:
            try:
                reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(request)
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
            request = self.requests[self.sent % len(self.requests)]
            self.sent += 1
            tasks.append(asyncio.create_task(self.one(request, due)))
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
