"""`python3 -m taskpaw_v3.hub PORT… [--agent PORT]…`: a stand-in for V3's hub, which polls as July's did.

With `--protocol 3.9` it admits only agents that prove where their numbers stand. A registration is bound to such an
agent offline, as there: `python3 -m taskpaw_v3.hub --db FILE adopt-event-cursor --id 1 --state-report FILE`.
"""

import argparse
import sys
import threading
from pathlib import Path

from taskpaw_v3.hub import cursor
from taskpaw_v3.hub.poller import Poller
from taskpaw_v3.hub.store import Store
from taskpaw_v3.stand_in import NOT_FOUND, ping, serve

SWITCH = {"enable-server": 1, "disable-server": 0}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("words", nargs="*", help="ports to listen on, or one command")
    arguments.add_argument("--db", type=Path)
    arguments.add_argument("--agent", type=int, action="append", default=[], help="the port of an agent to poll")
    arguments.add_argument("--interval", type=float, default=60)
    arguments.add_argument("--token", default="", help="sent to the agents")
    arguments.add_argument("--protocol", choices=["july", "3.9"], default="july")
    arguments.add_argument("--id", type=int)
    arguments.add_argument("--state-report", type=Path)
    given = arguments.parse_args()
    store = Store(given.db)
    command = given.words[0] if given.words and not given.words[0].isdigit() else None
    if command in SWITCH:
        return store.switch(given.id, SWITCH[command])
    if command == "event-cursor":
        return cursor.show(store, given.id)
    if command == "adopt-event-cursor":
        return cursor.adopt(store, given.id, given.state_report)
    if command not in (None, "run"):
        sys.exit(f"there is no {command}")

    is_later = given.protocol == "3.9"
    for port in given.agent:
        store.register(f"agent-{port}", port)
    poller = Poller(store, given.token, is_later)
    ending = threading.Event()

    def poll():
        while not ending.is_set():
            poller.poll()
            ending.wait(given.interval)

    thread = threading.Thread(target=poll)

    def answer(path, _query, _headers):
        if path == "/ping":
            return ping("hub")
        if path == "/status":
            servers = [server | poller.seen(server) for server in store.servers()]
            return 200, {"machine": "hub", "servers": servers, "acks": store.acks(), "self": {}}
        return (200, {"events": store.events()}) if path == "/events" else NOT_FOUND

    def end():
        ending.set()
        thread.join()

    thread.start()
    ports = [int(word) for word in given.words if word.isdigit()]
    serve({port: answer for port in ports}, ended=end)
    return 0


sys.exit(main())
