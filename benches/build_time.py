"""A release build from nothing (crates already downloaded), and all of `make test` after it. Both take minutes."""

import os
import subprocess
import tempfile
import time

from house import finish, note, row


def minutes(command, **environment):
    started = time.monotonic()
    done = subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode:
        note(f"{' '.join(command)} failed with {done.returncode}")
        return None
    return (time.monotonic() - started) / 60


with tempfile.TemporaryDirectory(prefix="innkeeper-build-") as target:
    subprocess.run(["cargo", "fetch", "--locked"], check=True)
    row("clean release build", minutes(["cargo", "build", "--release", "--locked", "--package", "innkeeper"], CARGO_TARGET_DIR=target), 8, "min")
row("all of make test", minutes(["scripts/test.sh"]), 15, "min")
finish()
