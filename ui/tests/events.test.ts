// The list of events: what comes from the hub and from the agent is one list, and a filter leaves what is asked for.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { AgentEvent } from "../src/generated/ipc";
import type { FakeHost } from "../src/platform/fake/host";
import { fakeHost } from "../src/platform/fake/scenarios";
import { AppState } from "../src/state/app.svelte";
import {
  choices,
  filterRows,
  linesOf,
  machineNames,
  merge,
  noFilter,
  rowsOfAgent,
  rowsOfFleet,
} from "../src/state/events";
import { eventLine } from "../src/words/event";
import { EventFeed } from "../src/state/feed.svelte";

const event = (id: number, change: Partial<AgentEvent> = {}): AgentEvent => ({
  id,
  time: new Date(Date.UTC(2026, 2, 1, 0, id)).toISOString(),
  machine: "render-01",
  monitor: "Blender",
  message: `Frame ${id}`,
  level: "info",
  ...change,
});

describe("rows", () => {
  it("knows an event again that came both ways", () => {
    const events = [event(1), event(2)];
    const own = merge([], rowsOfAgent(events), 100);
    const fleet = rowsOfFleet(
      events.map((event) => ({
        ...event,
        number: event.id + 40,
        agent: "render",
        server_id: "1",
        age_seconds: 5,
      })),
      Date.now(),
    );
    expect(merge(own, fleet, 100)).toBe(own);
    expect(own.map(({ title }) => title)).toEqual(["Frame 2", "Frame 1"]);
  });

  it("calls a machine as the fleet does, if that has one name for it", () => {
    const heard = (agent: string, machine: string, id: number) =>
      rowsOfFleet(
        [{ ...event(id, { machine }), number: id, agent, server_id: "1", age_seconds: 5 }],
        Date.now(),
      );
    const rows = [
      ...rowsOfAgent([event(1, { machine: "vm" }), event(2, { machine: "alone" })]),
      ...heard("This box", "vm", 3),
      ...heard("Two", "copied", 4),
      ...heard("Three", "copied", 5),
    ];
    const nameOf = machineNames(rows);
    expect(["vm", "alone", "copied", "unheard"].map(nameOf)).toEqual([
      "This box",
      "alone",
      "copied",
      "unheard",
    ]);
    expect(eventLine(rows[0]!, nameOf("vm"))).toContain(" · This box · ");
  });

  it("has the time of its machine, but none that cannot be", () => {
    const now = Date.UTC(2026, 2, 2);
    const at = (time: string, age_seconds: number) =>
      rowsOfFleet([{ ...event(1, { time }), number: 1, agent: "a", server_id: "1", age_seconds }], now)[0];
    // The hub was away over night: what happened then is not what happens at breakfast.
    expect(at("2026-03-01T16:00:00Z", 60)?.at).toBe(Date.UTC(2026, 2, 1, 16));
    expect(at("2026-03-01T16:00:00Z", 60)?.received).toBe(now - 60_000);
    // A clock that is ahead, one that was never set, and no time at all.
    for (const time of ["2026-03-02T00:10:00Z", "1970-01-01T00:00:00Z", "soon"])
      expect(at(time, 60)?.at).toBe(now - 60_000);
  });

  it("of one moment are in the order of their numbers", () => {
    const time = "2026-03-01T00:00:00Z";
    const rows = merge([], rowsOfAgent([1, 2, 3].map((id) => event(id, { time }))), 9);
    expect(rows.map(({ id }) => id)).toEqual([3, 2, 1]);
  });

  it("keeps no more than it may, and the newest", () => {
    const rows = merge([], rowsOfAgent([1, 2, 3, 4].map((id) => event(id))), 3);
    expect(rows.map(({ title }) => title)).toEqual(["Frame 4", "Frame 3", "Frame 2"]);
  });

  it("filters by machine, monitor, level and every word", () => {
    const rows = rowsOfAgent([
      event(1, { level: "alert", title: "NAS is down", monitor: "NAS" }),
      event(2, { machine: "nas" }),
      event(3, { level: null }),
    ]);
    const left = (filter: object) => filterRows(rows, { ...noFilter, ...filter }).length;
    expect(filterRows(rows, noFilter)).toBe(rows);
    expect(left({ level: "alert" })).toBe(1);
    expect(left({ level: "none" })).toBe(1);
    expect(left({ machine: "nas" })).toBe(1);
    expect(left({ monitor: "Blender" })).toBe(2);
    expect(left({ text: "down nas" })).toBe(1);
    expect(left({ text: "FRAME" })).toBe(3);
    expect(left({ text: "frame", machine: "nas", level: "alert" })).toBe(0);
    expect(choices(rows, "machine")).toEqual(["nas", "render-01"]);
  });

  it("puts a line before each day, also before those without a time", () => {
    const rows = merge(
      [],
      rowsOfAgent([
        event(1, { time: "2026-03-01T12:00:00Z" }),
        event(2, { time: "2026-03-03T12:00:00Z" }),
        event(3, { time: "2026-03-03T12:01:00Z" }),
        event(4, { time: "yesterday" }),
      ]),
      100,
    );
    expect(linesOf(rows).map(({ kind }) => kind)).toEqual([
      "day",
      "event",
      "event",
      "day",
      "event",
      "day",
      "event",
    ]);
  });
});

describe("the feed", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(() => void vi.useRealTimers());

  async function feeding(scenario: "ready" | "hub") {
    const host = fakeHost(scenario);
    const app = new AppState(host);
    await app.data.connect();
    const feed = new EventFeed(app);
    const end = feed.run({ agent: true, hub: scenario === "hub" });
    await vi.advanceTimersByTimeAsync(100);
    return { host, feed, end };
  }

  const asked = (host: FakeHost) =>
    host.asked.flatMap((request) => ("limit" in request ? [request.limit] : []));

  it("asks for all at first, is sent what happens, and asks only for what it may have missed", async () => {
    const { host, feed, end } = await feeding("ready");
    expect(feed.rows).toHaveLength(6);
    const next = (id: number) => ({ ...host.world.events[0]!, id, time: new Date().toISOString() });
    const seventh = next(7);
    host.push({ kind: "agent_events", events: [seventh] });
    expect(feed.rows).toHaveLength(7);
    host.world.events.push(seventh, next(8));
    host.push({ kind: "events_missed", role: "agent" });
    await vi.advanceTimersByTimeAsync(100);
    expect(feed.rows).toHaveLength(8);
    expect(asked(host)).toEqual([10_000, 200]);
    end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(host.wanted).toEqual([]);
    expect(asked(host)).toHaveLength(2);
  });

  it("asks for all again if more came meanwhile than it asked for, or if the numbers begin anew", async () => {
    const { host, feed, end } = await feeding("ready");
    for (let id = 7; id < 400; id += 1) host.world.events.push(event(id));
    host.push({ kind: "events_missed", role: "agent" });
    await vi.advanceTimersByTimeAsync(200);
    expect(feed.rows).toHaveLength(399);
    host.world.events = [event(1, { message: "again" })];
    host.push({ kind: "events_missed", role: "agent" });
    await vi.advanceTimersByTimeAsync(200);
    expect(feed.rows).toHaveLength(400);
    expect(asked(host)).toEqual([10_000, 200, 10_000, 200, 10_000]);
    end();
  });

  it("takes both roles together, without saying anything twice", async () => {
    const { feed, end } = await feeding("hub");
    const of = (machine: string) => feed.rows.filter((row) => row.machine === machine).length;
    expect([of("render-01"), of("render-02"), of("nas")]).toEqual([6, 1, 1]);
    end();
  });
});
