"""`python3 -m taskpaw_v3.agent NETWORK CONTROL`: a stand-in for V3's agent. Each line it reads is an event.

`--folder DIR` keeps `agent.state.json` there; `--protocol 3.9` adds what V3 has said since 3.9; `--works` has started a
program that outlives it, as a command that V3 runs does when V3 is killed.
"""

import argparse
import subprocess
import sys
import threading
from pathlib import Path

from taskpaw_v3.agent.events import Queue, Refused
from taskpaw_v3.stand_in import NOT_FOUND, UNAUTHORIZED, allowed, ping, serve


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("ports", type=int, nargs="+")
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--machine", default="old")
    arguments.add_argument("--server-id", default="old-1")
    arguments.add_argument("--token", default="")
    arguments.add_argument("--protocol", choices=["july", "3.9"], default="july")
    arguments.add_argument("--works", action="store_true")
    given = arguments.parse_args()
    if given.works:
        subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    queue = Queue(given.machine, given.server_id, given.folder, given.protocol == "3.9")

    def status():
        monitors = {
            "folder": {
                "state": "ok",
                "metrics": {"pending": 0, "tracked": 0},
                "detail": "0 in progress",
                "alive": True,
                "failures": 0,
                "degraded": False,
                "dropped": 0,
                "enabled": True,
                "type_id": "folder",
            }
        }
        if queue.last_time:
            monitors["folder"]["last_event_at"] = queue.last_time
        told = {"machine": given.machine, "server_id": given.server_id, "os": sys.platform, "monitors": monitors}
        return told | queue.cursor()

    def network(path, query, headers):
        if path == "/ping":
            return ping(given.machine)
        if path not in ("/status", "/events"):
            return NOT_FOUND
        if not allowed(given.token, headers):
            return UNAUTHORIZED
        if path == "/status":
            return 200, status()
        try:
            ack = int(query["ack"]) if "ack" in query else None
        except ValueError:
            return 422, {"detail": [{"type": "int_parsing", "loc": ["query", "ack"]}]}
        try:
            return 200, queue.take(ack, query.get("cursor_stream"), query.get("cursor_boot"))
        except Refused as refusal:
            return 409, {"error": str(refusal)}

    def control(path, _query, _headers):
        if path == "/control/ping":
            return 200, {"ok": True}
        return (200, status()) if path == "/control/status" else NOT_FOUND

    def read():
        for line in sys.stdin:
            queue.add("folder", line.rstrip("\n"))

    threading.Thread(target=read, daemon=True).start()
    serve({port: network if place == 0 else control for place, port in enumerate(given.ports)})


main()
