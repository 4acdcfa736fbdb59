"""`hub.db` as V3 lays it out: who is polled, what each told, and how far each was read."""

import json
import sqlite3
import threading
from datetime import datetime, timezone

TABLES = """
CREATE TABLE IF NOT EXISTS servers (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
  ip TEXT NOT NULL, port INTEGER NOT NULL DEFAULT 5680, enabled INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY AUTOINCREMENT, server_id INTEGER NOT NULL,
  event_id INTEGER NOT NULL, monitor TEXT, message TEXT, level TEXT, received_at TEXT NOT NULL,
  UNIQUE(server_id, event_id));
CREATE TABLE IF NOT EXISTS config (key TEXT PRIMARY KEY, value TEXT);
"""


def now():
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


class Store:
    def __init__(self, path):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.database = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=10)
        self.database.row_factory = sqlite3.Row
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.executescript(TABLES)

    def rows(self, statement, *values):
        with self.lock, self.database:
            return [dict(row) for row in self.database.execute(statement, values)]

    def register(self, name, port):
        self.rows("INSERT OR IGNORE INTO servers(name, ip, port) VALUES (?, '127.0.0.1', ?)", name, port)

    def switch(self, number, enabled):
        self.rows("UPDATE servers SET enabled = ? WHERE id = ?", enabled, number)
        return 0

    def servers(self):
        return self.rows("SELECT id, name, ip, port, enabled FROM servers ORDER BY id")

    def keep(self, server, event):
        values = (server, event["id"], event.get("monitor"), event.get("message"), event.get("level"), now())
        self.rows(
            "INSERT OR IGNORE INTO events(server_id, event_id, monitor, message, level, received_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *values,
        )

    def events(self):
        return self.rows(
            "SELECT e.event_id, s.id AS server_id, s.name AS server, e.monitor, e.message, e.level, e.received_at"
            " FROM events e JOIN servers s ON s.id = e.server_id ORDER BY e.received_at DESC, e.id DESC LIMIT 200"
        )

    def highest(self, server):
        return self.rows("SELECT max(event_id) AS highest FROM events WHERE server_id = ?", server)[0]["highest"]

    def setting(self, key, absent):
        found = self.rows("SELECT value FROM config WHERE key = ?", key)
        return json.loads(found[0]["value"]) if found else absent

    def set(self, key, value):
        self.rows("INSERT OR REPLACE INTO config(key, value) VALUES (?, ?)", key, json.dumps(value))

    def acks(self):
        return self.setting("last_event_ids", {})

    def set_ack(self, server, number):
        self.set("last_event_ids", self.acks() | {str(server): number})
