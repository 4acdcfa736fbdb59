"""V3's events: numbers that survive on disk, a queue that does not, and what 3.9 proves about both."""

import json
import os
import secrets
import threading
from datetime import datetime, timezone

# The queue's bound in V3; the oldest go first.
LONGEST = 10_000


class Refused(Exception):
    """3.9 answers 409 to it, and July's never says it."""


class Queue:
    def __init__(self, machine, server_id, folder, is_later):
        self.machine, self.server_id = machine, server_id
        self.path = folder / "agent.state.json" if folder else None
        self.is_later = is_later
        self.lock = threading.Lock()
        self.events = []
        self.last_time = None
        kept = self.load()
        self.next = kept.get("next_event_id", 1)
        self.stream = kept.get("stream_id", secrets.token_hex(16))
        self.boot = secrets.token_hex(16)
        # What was promised before this start may be acknowledged, though it is not here any more.
        self.floor = self.offered = self.next - 1
        if is_later:
            self.save()

    def load(self):
        try:
            return json.loads(self.path.read_text("utf-8")) if self.path else {}
        except (FileNotFoundError, ValueError):
            return {}

    def save(self):
        if not self.path:
            return
        kept = {"next_event_id": self.next}
        places = [self.path]
        if self.is_later:
            origin = {"version": 2, "server_id": self.server_id, "stream_id": self.stream}
            kept = origin | {"lineage_origin": "legacy_migration"} | kept
            places.insert(0, self.path.with_name("agent.state.highwater.json"))
        for place in places:
            temporary = place.with_name(place.name + ".tmp")
            temporary.write_text(json.dumps(kept), "utf-8")
            os.replace(temporary, place)

    def add(self, monitor, message):
        with self.lock:
            number = self.next
            self.next += 1
            # On the disk before anybody can see the event.
            self.save()
            self.last_time = datetime.now(timezone.utc).isoformat(timespec="seconds")
            told = {"id": number, "time": self.last_time, "machine": self.machine, "monitor": monitor}
            self.events.append(told | {"message": message, "level": "done", "title": f"{monitor}: file complete"})
            del self.events[:-LONGEST]

    def take(self, ack, stream, boot):
        with self.lock:
            if self.is_later:
                if (stream, boot) not in ((None, None), (self.stream, self.boot)):
                    raise Refused("event_cursor_mismatch")
                if ack is not None and not -1 <= ack <= max(self.floor, self.offered):
                    raise Refused("event_ack_unoffered")
            given = [event for event in self.events if ack is None or event["id"] > ack]
            # Who asks without a number empties the queue by reading it.
            self.events = [] if ack is None else given
            if given:
                self.offered = max(self.offered, given[-1]["id"])
            return {"events": list(given)} | self.cursor()

    def cursor(self):
        if not self.is_later:
            return {}
        numbers = {"resume_floor": self.floor, "offered_highwater": self.offered, "next_event_id": self.next}
        names = {"server_id": self.server_id, "stream_id": self.stream, "boot_id": self.boot}
        return {"event_cursor": {"version": 1, "durable": True} | names | numbers}
