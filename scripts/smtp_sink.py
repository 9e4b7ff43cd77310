#!/usr/bin/python3
"""Keeps every mail it is sent as one file, for tests: smtp_sink.py HOST PORT FOLDER.

A file appears under its final name only when complete, so a test may read whatever it finds.
Names sort in order of arrival. Two headers are added: X-Envelope-From and X-Envelope-To.
Runs with the system's Python, which is where Debian installs aiosmtpd.
"""

import asyncio
import os
import signal
import sys
import time

from aiosmtpd.smtp import SMTP


class Keep:
    """Handler that writes what arrives to a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = f"{time.time_ns()}-{os.getpid()}-{self.count}"
        recipients = ", ".join(envelope.rcpt_tos)
        headers = f"X-Envelope-From: {envelope.mail_from}\r\nX-Envelope-To: {recipients}\r\n"
        hidden = os.path.join(self.folder, f".{name}.part")
        with open(hidden, "wb") as file:
            file.write(headers.encode() + envelope.original_content)
        os.rename(hidden, os.path.join(self.folder, f"{name}.eml"))
        return "250 kept"


async def serve(host, port, folder):
    os.makedirs(folder, exist_ok=True)
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: stopped.done() or stopped.set_result(None))
    server = await loop.create_server(lambda: SMTP(Keep(folder), enable_SMTPUTF8=True, hostname="mail-sink"), host, port)
    print(f"keeping mail for {host}:{port} in {folder}", flush=True)
    async with server:
        await stopped


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
