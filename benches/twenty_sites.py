"""Twenty sites asked for in the same moment: all become live, nothing fails, and the server's memory stays small."""

import threading
import time

from house import House, PeakMemory, finish, note, row

SITES = 20
LIMIT_S = 600


def make(house, number, gate, results):
    gate.wait()
    started = time.monotonic()
    try:
        site = house.ask_for_site(f"twenty-{number}")
        took = house.seconds_until_live(site["domain"], started, LIMIT_S)
        operation = house.operation_ends(site["app_id"])
        failed = None if operation["status"] == "done" else f"{operation['status']}: {operation.get('error')}"
    except (OSError, RuntimeError) as error:
        took, failed = None, str(error)
    results[number] = (took, failed)


with House() as house:
    house.serve()
    gate, results = threading.Barrier(SITES), [None] * SITES
    threads = [threading.Thread(target=make, args=(house, number, gate, results)) for number in range(SITES)]
    with PeakMemory(house) as peak:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
live = [took for took, _ in results if took is not None]
for number, (_, failed) in enumerate(results):
    if failed:
        note(f"site {number}: {failed}")
note(f"the first was live after {min(live, default=0):.1f} s, the last after {max(live, default=0):.1f} s")
row("20 sites at once: not live", SITES - len(live), 0, "sites", 0)
row("… operations that failed", sum(failed is not None for _, failed in results), 0, "sites", 0)
row("… memory of the server, peak", peak.mb, 120, "MB")
finish()
