"""Redaction on one core: logs in which nothing is secret, and logs that hold a keyword or a secret on every line.

Measured with `innkeeper redact` as people have it, by the time that it took a processor: what else the machine does is not in it, the
program's start is. Other than elsewhere the limits are lower ones. MB are 1,000,000 bytes.
"""

import os
import resource
import subprocess
import tempfile

from house import House, finish, percentile, row

ROUNDS = 5
MB, REPEATS = 32, 4
CLEAN, KEYWORDS = 150, 30


def clean(at):
    """What sites log on a good day: requests, with and without a referrer, structured lines, a database's remarks."""
    match at % 6:
        case 0 | 1:
            return (f'203.0.113.{at % 250} - - [05/Jan/2026:10:{at % 60:02}:07 +0000] "GET /assets/index-{at:08x}.js HTTP/1.1" 200 '
                    f'{at * 37 % 90000} "-" "Mozilla/5.0 (X11; Linux x86_64) Firefox/133.0"')
        case 2:
            return (f'198.51.100.{at % 250} - - [05/Jan/2026:10:{at % 60:02}:09 +0000] "GET /orders?page={at % 90} HTTP/2.0" 200 '
                    f'{at * 17 % 9000} "https://shop.example.com/" "Mozilla/5.0 (Macintosh)"')
        case 3:
            return f'{{"level":"info","time":17675{at:08},"msg":"order placed","order":{at},"ms":{at % 90},"items":[{at % 7},{at % 11}]}}'
        case 4:
            return f"2026-01-05 10:00:00.{at % 1000:03} UTC [{at % 300}] LOG:  checkpoint complete: wrote {at % 4000} buffers (0.3%)"
        case _:
            return f'time=2026-01-05T10:00:00Z level=info component=mailer msg="sent receipt" order={at} took={at % 300}ms'


def keyword(at):
    """Lines that talk of tokens, keys and passwords without giving one away."""
    match at % 5:
        case 0:
            return f'203.0.113.{at % 250} - - [05/Jan/2026:10:00:07 +0000] "POST /oauth/token HTTP/1.1" 200 {at % 900} "-" "okhttp/4.12"'
        case 1:
            return f'{{"level":"info","msg":"cache miss","cache_key":"user:{at}:profile","ms":{at % 90}}}'
        case 2:
            return f'time=2026-01-05T10:00:00Z level=info msg="completion" max_tokens=4096 prompt_tokens={at % 900} total_tokens={at}'
        case 3:
            return f"2026-01-05T10:00:00Z user {at} changed the password; old sessions ended, api keys stay valid"
        case _:
            return f'2026-01-05 10:00:00 UTC [{at % 300}] ERROR:  duplicate key value violates unique constraint "orders_pkey"'


def secret(at):
    """The worst case: something to hide on every line."""
    match at % 4:
        case 0:
            return f"GET /callback?token={at * 0x9E3779B9:032x}&state=7 HTTP/1.1 200 {at % 900}"
        case 1:
            return f"connecting to postgres://shop:pw{at}@db:5432/shop with pool of {at % 20}"
        case 2:
            return f'{{"level":"debug","user":"ada","password":"pw{at}","remember":true}}'
        case _:
            return f"Authorization: Bearer {at * 0x7F4A7C15:032x}"


def write_log(path, line):
    lines, size, at = [], 0, 0
    while size < MB * 1_000_000:
        lines.append(line(at) + "\n")
        size, at = size + len(lines[-1]), at + 1
    with open(path, "w", encoding="ascii") as log:
        for _ in range(REPEATS):
            log.writelines(lines)


def speed(house, path, site):
    """MB a second of a processor's time."""
    command = [os.environ["BENCH_BINARY"], "--data", house.data, "redact", *(["--site", site] if site else [])]
    rates = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(path, "rb") as log:
            subprocess.run(command, env=house.environment, stdin=log, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        rates.append(os.path.getsize(path) / 1e6 / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime))
    return percentile(rates, 50)


with House() as house, tempfile.TemporaryDirectory(prefix="innkeeper-bench-") as folder:
    made = house.run("site", "create", "--customer", house.customer, "--name", "Bench", "--subdomain", "bench", "--no-wait")
    for name, line, site, limit in (
        ("redaction, clean log, shapes only", clean, None, CLEAN),
        ("redaction, clean log, with known values", clean, made["app_id"], CLEAN),
        ("redaction, every line holds a keyword", keyword, made["app_id"], KEYWORDS),
        ("redaction, every line holds a secret", secret, made["app_id"], KEYWORDS),
    ):
        path = os.path.join(folder, line.__name__)
        if not os.path.exists(path):
            write_log(path, line)
        row(name, speed(house, path, site), limit, "MB/s", 0, at_least=True)
finish()
