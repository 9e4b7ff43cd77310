"""Thirty deployments of `www` and `api`, one after the other, at 200 requests a second through the edge and with open WebSockets;
then the same changes by plain `docker compose up --detach --build`, which is what people have today."""

import asyncio
import os
import subprocess
import tempfile
import time

from deploying import Copy, Socket, Visitors, deployment_of
from house import House, finish, note, row

DEPLOYMENTS = int(os.environ.get("BENCH_DEPLOYMENTS", "30"))
BY_HAND = 5
RATE = 200
SOCKETS = 10
DRAIN = 10


async def pushes(house, site, domain, copy):
    visitors = Visitors(house, domain, RATE)
    sockets = [Socket(house, site, domain) for _ in range(SOCKETS)]
    tasks = [asyncio.create_task(socket.live()) for socket in sockets]
    await asyncio.wait_for(asyncio.gather(*(socket.connected.wait() for socket in sockets)), 30)
    coming = asyncio.create_task(visitors.come())
    ended = []
    for number in range(DEPLOYMENTS):
        copy.mark(number)
        commit = copy.commit(f"Change {number}")
        await asyncio.to_thread(copy.push)
        found = await asyncio.to_thread(deployment_of, house, commit, site)
        if found["state"] != "success":
            raise SystemExit(f"deployment {number} ended as {found['state']}: {found['error']}")
        ended.append(found)
        await asyncio.sleep(2)
    visitors.over.set()
    await coming
    for task in tasks:
        task.cancel()
    early, twice = 0, 0
    served = [found["served_at"] / 1000 for found in ended]
    for socket in sockets:
        # Each cut belongs to the end of one deployment's drain; any other one came too early.
        early += sum(not any(DRAIN - 0.5 <= cut - at < DRAIN + 8 for at in served) for cut in socket.cuts)
        twice += sum(sum(DRAIN - 0.5 <= cut - at < DRAIN + 8 for cut in socket.cuts) != 1 for at in served)
    return visitors, early, twice, sum(socket.refused for socket in sockets)


async def by_hand(house, site, domain, copy):
    """In the site's own folder, while the server looks away."""
    folder = os.path.join(house.data, "sites", house.customer, site)
    visitors = Visitors(house, domain, RATE)
    coming = asyncio.create_task(visitors.come())
    for number in range(BY_HAND):
        for service in ("www", "api"):
            with open(os.path.join(folder, service, "Dockerfile"), "a", encoding="utf-8") as file:
                file.write(f"LABEL byhand={number}\n")
        command = ["docker", "compose", "--progress", "quiet", "up", "--detach", "--build", "--no-deps", "www", "api"]
        await asyncio.to_thread(subprocess.run, command, cwd=folder, check=True, capture_output=True,
                                env={**os.environ, "DOCKER_BUILDKIT": "0"})
        await asyncio.sleep(5)
    visitors.over.set()
    await coming
    return visitors


with House(hosting__drain_seconds=DRAIN, hosting__watch_seconds=0) as house, tempfile.TemporaryDirectory() as folder:
    house.serve()
    site, domain = house.live_site("deploy-load")
    copy = Copy(house, site, os.path.join(folder, "copy"))
    # Once without visitors, so that what the front end's compiler makes is in the cache.
    copy.mark("first")
    commit = copy.commit("First")
    copy.push()
    deployment_of(house, commit, site, 300)
    visitors, early, wrong, refused = asyncio.run(pushes(house, site, domain, copy))
    for failure in visitors.failures[:10]:
        note(failure)
    note(f"{visitors.asked} requests during {DEPLOYMENTS} deployments; WebSocket clients were refused {refused} times")
    row(f"{DEPLOYMENTS} deployments at {RATE}/s: failed requests", len(visitors.failures), 0, "", 0)
    row("… WebSockets cut before the drain ends", early, 0, "", 0)
    row("… clients that did not reconnect exactly once each", wrong, 0, "", 0)
    hand = asyncio.run(by_hand(house, site, domain, copy))
    for failure in hand.failures[:5]:
        note(failure)
    note(f"by hand: {len(hand.failures)} of {hand.asked} requests failed in {BY_HAND} × `docker compose up -d --build`")
    print(f"{'for comparison: `docker compose up -d --build`, each':<52} {len(hand.failures) / BY_HAND:>11.1f}  failed requests", flush=True)
    house.process.terminate()
finish()
