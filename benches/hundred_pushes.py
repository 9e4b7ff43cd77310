"""A hundred pushes over twenty sites at once: each ends with a verdict, in order per site, in little memory."""

import os
import tempfile
import threading
import time

from deploying import Copy
from house import House, PeakMemory, finish, note, row

SITES, PUSHES = 20, 5

with House(hosting__drain_seconds=2, hosting__watch_seconds=0) as house, tempfile.TemporaryDirectory() as folder:
    house.serve()
    sites = [house.live_site(f"many-{number}")[0] for number in range(SITES)]
    copies = [Copy(house, site, os.path.join(folder, site)) for site in sites]
    gate, failed = threading.Barrier(SITES), []

    def push_all(copy):
        gate.wait()
        waiting = []
        for number in range(PUSHES):
            copy.write("NOTES", f"{number}\n")
            commit = copy.commit(f"Push {number}")
            # The next one does not wait for this one's verdict, but until it is taken: git refuses two that move a branch at once.
            thread = threading.Thread(target=try_push, args=(copy,))
            thread.start()
            waiting.append(thread)
            while thread.is_alive() and not copy.git("ls-remote", "origin", "refs/heads/main").stdout.startswith(commit):
                time.sleep(0.5)
        for thread in waiting:
            thread.join()

    def try_push(copy):
        try:
            copy.push()
        except Exception as error:  # noqa: BLE001, what it was is counted and shown
            failed.append(str(getattr(error, "stderr", error)))

    threads = [threading.Thread(target=push_all, args=(copy,)) for copy in copies]
    with PeakMemory(house) as peak:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            with house.database() as database:
                states = dict(database.execute("select state, count(*) from deployment group by state").fetchall())
            database.close()
            if not states.get("queued") and not states.get("running"):
                break
            time.sleep(0.5)
    with house.database() as database:
        disordered = database.execute(
            "select count(*) from deployment a join deployment b on a.site_id = b.site_id and a.created_at < b.created_at"
            " where a.started_at > b.started_at").fetchone()[0]
        newest_live = database.execute(
            "select count(*) from site s where exists (select 1 from deployment d where d.site_id = s.id and d.release_id = s.release_id"
            " and d.state = 'success' and d.created_at = (select max(created_at) from deployment where site_id = s.id))").fetchone()[0]
    database.close()
    for error in failed[:5]:
        note(error)
    note(f"verdicts: {states}")
    row("100 pushes over 20 sites: without a verdict", states.get("queued", 0) + states.get("running", 0), 0, "", 0)
    row("… failed", states.get("failed", 0) + len(failed), 0, "", 0)
    row("… sites whose last push does not serve", SITES - newest_live, 0, "", 0)
    row("… out of order", disordered, 0, "", 0)
    row("… memory of the server, peak", peak.mb, 120, "MB")
finish()
