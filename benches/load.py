"""Requests at a fixed rate, as many visitors make them.

Open loop: requests leave on time whether or not earlier ones were answered, and each is timed from when it should have left. They come from the
load generator of `crates/events/examples/load.rs`, which is built beside the binary: a client in Python takes longer than what is measured.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile

CONNECTIONS = 32


def program(name, *args, quiet=True):
    """Runs one of the examples beside $BENCH_BINARY and returns the JSON object that it prints last."""
    path = os.path.join(os.path.dirname(os.environ["BENCH_BINARY"]), "examples", name)
    done = subprocess.run([path, *map(str, args)], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL if quiet else None)
    if done.returncode:
        sys.exit(f"{name} failed with {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


class Load:
    """Asks for each of `requests` (path, header line) in turn: `load.run(rate, seconds)`, then `times` (ms) and `failures`."""

    def __init__(self, port, requests):
        self.port, self.requests = port, requests
        self.times, self.reasons, self.late_ms, self.sent = [], collections.Counter(), 0.0, 0

    @property
    def failures(self):
        return sum(self.reasons.values())

    def run(self, rate, seconds):
        with tempfile.TemporaryDirectory() as folder:
            waits, wishes = os.path.join(folder, "waits"), os.path.join(folder, "list")
            with open(wishes, "w", encoding="utf-8") as file:
                file.writelines(f"{path}\t{header}\n" for path, header in self.requests)
            result = program("load", "--to", f"127.0.0.1:{self.port}", "--door", "list", "--list", wishes, "--waits", waits, "--rate", rate,
                             "--seconds", seconds, "--connections", CONNECTIONS, "--first", self.sent, "--batch", 1)
            with open(waits, encoding="ascii") as file:
                self.times = [float(line) for line in file]
        self.sent += int(rate * seconds)
        self.late_ms = result["late_p99_ms"]
        self.reasons = collections.Counter({status: count for status, count in result["answers"].items() if status != "200"})
