"""One poll of each agent: what it says of itself, then its events after the last one that is kept."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

from taskpaw_v3.hub import cursor

TIMEOUT = 5


class Poller:
    def __init__(self, store, token, is_later):
        self.store, self.is_later = store, is_later
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.told, self.last_seen = {}, {}
        self.channels = {}

    def poll(self):
        for server in self.store.servers():
            if server["enabled"]:
                try:
                    self.poll_one(server)
                except (OSError, ValueError) as why:
                    # July's hub logs it and asks again; it does not look at what was refused.
                    self.pause(server, "event_fetch_failed")
                    print(f"{server['name']}: {why}", flush=True)

    def ask(self, server, path, **query):
        url = f"http://{server['ip']}:{server['port']}{path}"
        url += f"?{urllib.parse.urlencode(query)}" if query else ""
        # urllib asks for the end of the connection each time: the agent closes it.
        with urllib.request.urlopen(urllib.request.Request(url, headers=self.headers), timeout=TIMEOUT) as answer:
            return json.load(answer)

    def poll_one(self, server):
        number = server["id"]
        self.told.pop(number, None)
        status = self.ask(server, "/status")
        self.told[number], self.last_seen[number] = status, time.strftime("%Y-%m-%d %H:%M:%S")
        events = self.later(server, status) if self.is_later else self.july(server)
        last = self.ack(number)
        new = [event for event in events if event.get("id", -1) > last]
        for event in new:
            self.store.keep(number, event)
        if new:
            self.store.set_ack(number, max(event["id"] for event in new))

    def ack(self, number):
        return self.store.acks().get(str(number), -1)

    def july(self, server):
        try:
            return self.ask(server, "/events", ack=self.ack(server["id"])).get("events", [])
        except urllib.error.HTTPError as refusal:
            if refusal.code != 404:
                raise
            return self.ask(server, "/events").get("events", [])

    def later(self, server, status):
        try:
            asked = cursor.admit(self.store, server["id"], status)
            query = {"cursor_stream": asked["stream_id"], "cursor_boot": asked["boot_id"]}
            answer = self.ask(server, "/events", ack=self.ack(server["id"]), **query)
            events = cursor.proved(asked, answer)
        except cursor.Refused as refusal:
            self.pause(server, str(refusal))
            return []
        except urllib.error.HTTPError:
            self.pause(server, "event_http_refused")
            return []
        self.channels[server["id"]] = {"state": "ready", "reason": None}
        return events

    def pause(self, server, reason):
        self.channels[server["id"]] = {"state": "paused", "reason": reason}

    def seen(self, server):
        told = self.told.get(server["id"])
        seen = {"online": told is not None, "last_seen": self.last_seen.get(server["id"]), "snapshot": told}
        return seen | ({"event_channel": self.channels.get(server["id"])} if self.is_later else {})
