"""The rules by which a hub of V3 3.9 admits an agent's events: written from what it does, none of it its own code."""

import json
import re
import sys

LINEAGE = re.compile("[0-9a-f]{32}")
LARGEST = (1 << 63) - 1
# What one answer may be: more is refused as a whole, and asked for again.
MAX_EVENTS = 10_000
EVENT_BYTES = 2 * 1024 * 1024


class Refused(Exception):
    """The reason is what V3 shows as `event_channel.reason`."""


def number(value, lowest, highest):
    if type(value) is not int or not lowest <= value <= highest:
        raise Refused("invalid_counter")
    return value


def parse(told):
    cursor = told.get("event_cursor") if isinstance(told, dict) else None
    if not isinstance(cursor, dict) or cursor.get("version") != 1 or cursor.get("durable") is not True:
        raise Refused("legacy_cursor_unverifiable")
    for key in ("stream_id", "boot_id"):
        if not isinstance(cursor.get(key), str) or not LINEAGE.fullmatch(cursor[key]):
            raise Refused("invalid_cursor")
    if not isinstance(cursor.get("server_id"), str) or not cursor["server_id"].strip():
        raise Refused("invalid_cursor")
    floor = number(cursor.get("resume_floor"), 0, LARGEST)
    offered = number(cursor.get("offered_highwater"), 0, LARGEST)
    if not floor <= offered < number(cursor.get("next_event_id"), 1, LARGEST + 1):
        raise Refused("invalid_cursor")
    return cursor


def binding(store, server):
    """What a registration is bound to. One that was polled before 3.9 is bound to nobody until it is adopted."""
    return store.setting(f"event_cursor.{server}", {"identity": None, "boot": None, "floor": None})


def received(store, server):
    return max(store.highest(server) or -1, store.acks().get(str(server), -1))


def identity_of(record):
    return [record["server_id"], record["stream_id"]]


def admit(store, server, status):
    """Whether this agent's numbers go on where this hub has read to. An agent in the same start must not go back."""
    cursor = parse(status)
    bound = binding(store, server)
    floor = received(store, server)
    if bound["identity"] is None:
        if floor != -1:
            raise Refused("cursor_adoption_required")
    elif bound["identity"] != identity_of(cursor):
        raise Refused("state_identity_changed")
    elif bound["boot"] != cursor["boot_id"]:
        if cursor["resume_floor"] < floor:
            raise Refused("cursor_floor_regressed")
    elif bound["floor"] != cursor["resume_floor"] or cursor["offered_highwater"] < floor:
        raise Refused("cursor_floor_regressed")
    now = {"identity": identity_of(cursor), "boot": cursor["boot_id"], "floor": cursor["resume_floor"]}
    store.set(f"event_cursor.{server}", now)
    return cursor


def proved(asked, answer):
    """The events of an answer that proves itself with the cursor it belongs to."""
    if len(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()) > EVENT_BYTES:
        raise Refused("body_oversize")
    proof = parse(answer)
    same = all(proof[key] == asked[key] for key in ("server_id", "stream_id", "boot_id", "resume_floor"))
    if not same or any(proof[key] < asked[key] for key in ("next_event_id", "offered_highwater")):
        raise Refused("event_cursor_mismatch")
    events = answer.get("events")
    if not isinstance(events, list):
        raise Refused("invalid_cursor_response")
    if len(events) > MAX_EVENTS:
        raise Refused("event_count")
    for event in events:
        if not isinstance(event, dict) or number(event.get("id"), 1, LARGEST) > proof["offered_highwater"]:
            raise Refused("invalid_cursor_response")
    return events


def show(store, server):
    print(json.dumps({"binding": binding(store, server), "received_floor": received(store, server)}))
    return 0


def adopt(store, server, path):
    """Binds a registration that is switched off to the agent that wrote the report."""
    try:
        if next(one["enabled"] for one in store.servers() if one["id"] == server):
            raise Refused("cursor_adoption_requires_disabled_server")
        report = json.loads(path.read_text("utf-8"))
        keys = {"report_version", "verified", "record"}
        if set(report) != keys or report["report_version"] != 1 or report["verified"] is not True:
            raise Refused("invalid_state_report")
        record = report["record"]
        if set(record) != {"version", "server_id", "stream_id", "lineage_origin", "next_event_id"}:
            raise Refused("corrupt_state")
        if record["version"] != 2 or not LINEAGE.fullmatch(record["stream_id"]):
            raise Refused("corrupt_state")
        bound = binding(store, server)["identity"]
        if bound not in (None, identity_of(record)):
            raise Refused("state_identity_changed")
        floor = received(store, server)
        if record["lineage_origin"] == "new_pairing" and floor != -1 and bound is None:
            raise Refused("new_pairing_requires_new_registration")
        if record["lineage_origin"] not in ("new_pairing", "legacy_migration"):
            raise Refused("corrupt_state")
        if number(record["next_event_id"], 1, LARGEST + 1) <= floor:
            raise Refused("cursor_floor_regressed")
    except (Refused, OSError, ValueError, TypeError, KeyError, StopIteration) as why:
        print(why, file=sys.stderr)
        return 2
    store.set_ack(server, floor)
    store.set(f"event_cursor.{server}", {"identity": identity_of(record), "boot": None, "floor": None})
    print(json.dumps({"result": "adopted", "server_id": server, "ack": floor}))
    return 0
