"""A container dies: how soon the badge of an open page differs, and what 500 open pages cost.

Pages are played by what they do: the live channel with the site's room joined, and the fragment that a page fetches when it hears of a
change. A browser's own drawing is not in it; the browser tests have that. Times begin before `docker kill` is started.
"""

import asyncio
import re
import time

from house import House, PeakMemory, docker, finish, note, percentile, row
from live_client import Live

ROUNDS, PAGES = 20, 500
LIMIT_S = 1
# Of each change: seconds until the last page had heard of it, before any fragment was fetched anew.
LAST_HEARD = []


class Page:
    """An open site page."""

    def __init__(self, house, cookie, site):
        self.house, self.cookie, self.site = house, cookie, site

    async def open(self):
        body = await self.fetch(f"/sites/{self.site}")
        regions = re.findall(r'data-live="([^"]+)"\s+data-live-url="([^"]+)"', body)
        wanted = [url.replace("&amp;", "&") for topic, url in regions if topic == f"site:{self.site}"]
        if not wanted:
            raise SystemExit("the site page has no region that follows the site")
        self.badge_url = wanted[0]
        self.live = await Live.open(self.house.port, self.cookie, [f"site:{self.site}"])
        return self

    async def fetch(self, path):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.house.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.house.port}\r\nCookie: {self.cookie}\r\nConnection: close\r\n\r\n".encode())
        answer = (await asyncio.wait_for(reader.read(), 10)).decode()
        writer.close()
        if not answer.startswith("HTTP/1.1 200"):
            raise SystemExit(f"{path} answered {answer.splitlines()[0]}")
        return answer

    async def until_badge(self, word):
        """Seconds from `since` on, as an open page follows: it fetches when it hears."""
        while True:
            found = re.search(r'badge-status[^>]*>(?:<[^>]*>)*\s*([A-Z][a-z]+)', await self.fetch(self.badge_url))
            if found and found.group(1) == word:
                return time.monotonic()
            if await asyncio.wait_for(self.live.heard.get(), 10) is None:
                raise SystemExit("the live channel was closed")


async def one_change(pages, container, action, word):
    """Seconds until each of the pages shows it."""
    for page in pages:
        while not page.live.heard.empty():
            page.live.heard.get_nowait()
    heard = []
    waiting = [asyncio.create_task(heard_and_seen(page, word, heard)) for page in pages]
    await asyncio.sleep(0)
    started = time.monotonic()
    await asyncio.to_thread(docker, action, container)
    seen = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    LAST_HEARD.append(max(heard) - started)
    return [at - started for at in seen]


async def heard_and_seen(page, word, heard):
    if await page.live.heard.get() is None:
        raise SystemExit("the live channel was closed")
    heard.append(time.monotonic())
    return await page.until_badge(word)


async def measure(house, cookie, site, container):
    page = await Page(house, cookie, site).open()
    times = []
    for _ in range(ROUNDS):
        times += await one_change([page], container, "kill", "Stopped")
        await one_change([page], container, "start", "Running")
        await asyncio.sleep(0.5)
    page.live.close()
    note(f"{house.resident_mb():.1f} MB with nothing open")
    pages, all_times = [], []
    with PeakMemory(house) as peak:
        for _ in range(PAGES // 25):
            pages += await asyncio.gather(*(Page(house, cookie, site).open() for _ in range(25)))
        note(f"{house.resident_mb():.1f} MB with {len(pages)} pages open")
        for _ in range(3):
            all_times += await one_change(pages, container, "kill", "Stopped")
            all_times += await one_change(pages, container, "start", "Running")
    return times, all_times, peak.mb


with House() as house:
    house.serve()
    site, domain = house.live_site("open-pages")
    name = docker("ps", "--filter", f"label=innkeeper.site={site}", "--filter", "label=innkeeper.service=alert", "--format", "{{.Names}}").strip()
    times, all_times, memory = asyncio.run(measure(house, house.sign_in(), site, name))
note(f"one page: p50 {percentile(times, 50):.3f} s, max {max(times):.3f} s; {PAGES} pages: p50 {percentile(all_times, 50):.3f} s, "
     f"all had heard of it after {max(LAST_HEARD[-6:]):.3f} s at most")
row("container killed → badge of an open page, p95", percentile(times, 95), LIMIT_S, "s", 3)
row(f"… {PAGES} open pages, the last that shows it", max(all_times), LIMIT_S, "s", 3)
row(f"… memory of the server with {PAGES} open pages", memory, 120, "MB")
finish()
