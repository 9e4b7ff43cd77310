"""A page's ear: the live channel (Socket.IO 5 over a WebSocket), standard library only."""

import asyncio
import base64
import json
import os


class Live:
    """`await Live.open(port, cookie, rooms)` joins the rooms; `heard` holds the topics that changed since."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.heard, self.joined = asyncio.Queue(), asyncio.Event()

    @classmethod
    async def open(cls, port, cookie, rooms):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write((
            f"GET /live/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            f"Cookie: {cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        if not head.startswith(b"HTTP/1.1 101"):
            raise SystemExit(f"the live channel answered {head.splitlines()[0].decode()}")
        live = cls(reader, writer)
        live.task = asyncio.create_task(live.listen(rooms))
        await asyncio.wait_for(live.joined.wait(), 10)
        return live

    async def listen(self, rooms):
        try:
            while True:
                message = await self.receive()
                if message.startswith("0"):
                    self.send("40")
                elif message == "2":
                    self.send("3")
                elif message.startswith("40"):
                    self.send("420" + json.dumps(["join", rooms]))
                elif message.startswith("430"):
                    self.joined.set()
                elif message.startswith("42"):
                    self.heard.put_nowait(json.loads(message[2:])[1]["topic"])
        except (OSError, asyncio.IncompleteReadError):
            self.heard.put_nowait(None)

    async def receive(self):
        """The next text; the server sends none in pieces."""
        while True:
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            body = await self.reader.readexactly(size)
            if first & 15 == 8:
                raise OSError("closed")
            if first & 15 == 1:
                return body.decode()

    def send(self, text):
        """One text, masked as clients must; all of ours are short."""
        body, mask = text.encode(), os.urandom(4)
        masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(body))
        size = bytes([0x80 | len(body)]) if len(body) < 126 else bytes([0x80 | 126]) + len(body).to_bytes(2, "big")
        self.writer.write(b"\x81" + size + mask + masked)

    def close(self):
        self.task.cancel()
        self.writer.close()
