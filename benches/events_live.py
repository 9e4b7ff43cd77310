"""An event is accepted: how soon an open page knows of it, with 500 pages open.

Pages are played by what they do, as in health_live: the live channel with the room of operators joined. Timed from when the request that
brought the event left.
"""

import asyncio
import time

from events import EventHouse
from house import finish, note, percentile, row
from live_client import Live

PAGES, ROUNDS = 500, 40


async def measure(house, cookie):
    pages = []
    for _ in range(PAGES // 25):
        pages += await asyncio.gather(*(Live.open(house.port, cookie, ["operators"]) for _ in range(25)))
    note(f"{house.memory():.1f} MB with {len(pages)} pages open")
    times = []
    for number in range(ROUNDS):
        for page in pages:
            while not page.heard.empty():
                page.heard.get_nowait()
        started = time.monotonic()
        event = {"id": f"live-{number}", "name": "login", "person": "ada", "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        sending = asyncio.to_thread(house.api, "POST", f"/api/customers/{house.customer}/events", event)
        heard = [asyncio.create_task(until_heard(page, started)) for page in pages]
        status, answer = await sending
        if status != 200:
            raise SystemExit(f"the event was answered with {status}: {answer}")
        times += await asyncio.wait_for(asyncio.gather(*heard), 10)
        await asyncio.sleep(0.3)
    return times


async def until_heard(page, started):
    while True:
        topic = await page.heard.get()
        if topic is None:
            raise SystemExit("the live channel was closed")
        if topic == "events":
            return (time.monotonic() - started) * 1000


with EventHouse() as house:
    house.serve()
    times = asyncio.run(measure(house, house.sign_in("bench@example.test")))
row(f"event sent → heard by each of {PAGES} open pages, p95", percentile(times, 95), 300, "ms", 0)
note(f"p50 {percentile(times, 50):.0f} ms, max {max(times):.0f} ms")
finish()
