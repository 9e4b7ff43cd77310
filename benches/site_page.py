"""The page of a live site for its signed-in owner, at 100 requests a second for 10 seconds.

Open loop: requests leave on time whether or not earlier ones were answered, and each is timed from when it should have left. That is
what a visitor feels, and more than the server's own time, which is read from /metrics as a second figure.
"""


from house import House, finish, note, percentile, row
from load import Load

RATE, SECONDS = 100, 10
WARM_UP = 100
LIMIT_MS = 10


def measure(house, path, cookie):
    load = Load(house.port, [(path, f"Cookie: {cookie}")])
    load.run(RATE, WARM_UP / RATE)
    before = house.answers_within("/sites/{app}", LIMIT_MS)
    load.run(RATE, SECONDS)
    after = house.answers_within("/sites/{app}", LIMIT_MS)
    return load, [late - early for late, early in zip(after, before)]


with House() as house:
    house.serve()
    site, _ = house.live_site("page")
    load, (answered, quick) = measure(house, f"/sites/{site}", house.sign_in())
note(f"{len(load.times)} answers, p50 {percentile(load.times, 50) or 0:.2f} ms, max {max(load.times, default=0):.1f} ms; "
     f"the server counts {answered}")
row("site page, signed in, 100/s: p99 at the client", percentile(load.times, 99), LIMIT_MS, "ms")
row(f"… answers that took the server over {LIMIT_MS} ms", 100 * (answered - quick) / answered if answered else None, 1, "%", 2)
row("… answers that failed", load.failures, 0, "of 1000", 0)
finish()
