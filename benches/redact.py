"""Redaction on one core: logs in which nothing is secret, and logs that hold a keyword or a secret on every line.

The figures come from the example of the crate `hosting`; unlike the other limits these are lower ones.
"""

import subprocess
import sys

done = subprocess.run(["cargo", "run", "--quiet", "--release", "--locked", "--package", "hosting", "--example", "bench_redact", "--", "--check"])
sys.exit(done.returncode)
