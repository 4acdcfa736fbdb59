// The reducer: every event's effect, and what it must not touch.

import { describe, expect, it } from "vitest";

import type { Event, Snapshot } from "../src/generated/ipc";
import { agentPorts, backend, offHub, readyAgent, snapshot } from "../src/platform/fake/roles";
import { place, reduce } from "../src/state/reduce";

const role = "agent";

function before(): Snapshot {
  return {
    ...snapshot({ ...readyAgent(), generation: 3, state: { kind: "stopped" }, timeline: [] }, offHub()),
    seq: 10,
  };
}

/** The agent after the events, which are numbered and timed one after another. */
function after(events: Event[], start = before()) {
  const end = events.reduce(
    (now, event) => reduce(now, { seq: now.seq + 1, at: 1000 + now.seq, event }),
    start,
  );
  return { snapshot: end, agent: end.roles[0]! };
}

const started: Event = { type: "takeover_started", role, generation: 4, ports: agentPorts() };

describe("reduce", () => {
  it("knows of other versions of the app", () => {
    const from = { version: "3.9.2", pid: 77, forced: false, ms: 120 };
    const { snapshot } = after([
      { type: "handover_finished", from },
      { type: "launch_changed", launch: { kind: "blocked", message: "it does not answer" } },
      { type: "update_installed", version: "4.1.0" },
      { type: "handover_started", version: "4.1.0" },
    ]);
    expect(snapshot.app).toMatchObject({ took_over: from, update: "4.1.0", replaced_by: "4.1.0" });
    expect(snapshot.app.launch).toEqual({ kind: "blocked", message: "it does not answer" });
    expect(snapshot.seq).toBe(14);
    const gone = reduce(snapshot, { seq: 15, at: 0, event: { type: "update_installed", version: null } });
    expect(gone.app.update).toBeNull();
  });

  it("begins a new timeline with each start and keeps what belongs to it", () => {
    const { agent, snapshot } = after([
      started,
      {
        type: "reclaim_started",
        role,
        generation: 4,
        ports: agentPorts({ state: "own_stale" }),
        pids: [812],
      },
      { type: "reclaim_progress", role, generation: 4, pid: 812, stage: "asked" },
    ]);
    expect(snapshot.seq).toBe(13);
    expect(agent.generation).toBe(4);
    expect(agent.state).toEqual({ kind: "taking_over", progress: "ending" });
    expect(agent.ports[0]?.state).toBe("own_stale");
    expect(agent.timeline.map(({ event }) => event.type)).toEqual([
      "takeover_started",
      "reclaim_started",
      "reclaim_progress",
    ]);
    expect(after([{ ...started, generation: 5 }], snapshot).agent.timeline).toHaveLength(1);
  });

  it("remembers what a takeover replaced, and nothing if it replaced nothing", () => {
    const replaced = [
      { pid: 812, name: "taskpaw-backend", version: "3.9.2", forced: false, ms: 41, left: [] },
    ];
    const took: Event = { type: "reclaim_finished", role, generation: 4, replaced, elapsed_ms: 47 };
    const { agent, snapshot } = after([started, took]);
    expect(agent.last_takeover).toEqual({ at: 1011, replaced, elapsed_ms: 47 });
    const empty: Event = { type: "reclaim_finished", role, generation: 5, replaced: [], elapsed_ms: 3 };
    expect(after([{ ...started, generation: 5 }, empty], snapshot).agent.last_takeover?.at).toBe(1011);
  });

  it("replaces the last countdown instead of listing each second", () => {
    const wait = (seconds_left: number): Event => ({
      type: "lingering_wait",
      role,
      generation: 4,
      seconds_left,
      cause: "connections",
    });
    const { agent } = after([started, wait(3), wait(2), wait(1)]);
    expect(agent.state).toEqual({ kind: "lingering", seconds_left: 1, cause: "connections" });
    expect(agent.timeline).toHaveLength(2);
    expect(agent.timeline.at(-1)?.event).toMatchObject({ seconds_left: 1 });
  });

  it("goes from starting to ready", () => {
    const inUse = agentPorts({ state: "own_stale", in_use_by_app: true });
    const { agent } = after([
      started,
      { type: "backend_starting", role, generation: 4, ports: agentPorts({ state: "free" }) },
      { type: "backend_ready", role, generation: 4, backend, ports: inUse },
    ]);
    expect(agent.state).toEqual({ kind: "ready", backend });
    expect(agent.ports).toEqual(inUse);
  });

  it("keeps the ports of a conflict for the failure that follows it", () => {
    const ports = agentPorts({ state: "foreign", suggestion: 5682 });
    const failure = { kind: "port_conflict" } as const;
    const conflict: Event = { type: "port_conflict", role, generation: 4, ports };
    const between = after([started, conflict]).agent;
    expect(between.state).toEqual({ kind: "taking_over", progress: "looking" });
    const backoff: Event = {
      type: "backend_backoff",
      role,
      generation: 4,
      failure,
      wait_ms: 500,
      attempt: 1,
    };
    const { agent } = after([started, conflict, backoff]);
    expect(agent.state).toEqual({ kind: "backoff", wait_ms: 500, attempt: 1, failure });
    expect(agent.ports).toEqual(ports);
    const failed = after([started, conflict, { type: "backend_failed", role, generation: 4, failure }]).agent;
    expect(failed.state).toEqual({ kind: "failed", failure });
    const other = { kind: "wrong_version", backend: "3.9.2" } as const;
    const later = after([
      started,
      conflict,
      { type: "backend_failed", role, generation: 4, failure: other },
    ]).agent;
    expect(later.ports.every((port) => port.state === null && port.suggestion === null)).toBe(true);
  });

  it("lets go of the ports of a backend that is gone", () => {
    const ports = agentPorts({ state: "own_stale", in_use_by_app: true });
    const { agent } = after([
      { type: "backend_ready", role, generation: 4, backend, ports },
      { type: "backend_stopping", role, generation: 4 },
      { type: "backend_exited", role, generation: 4, status: "exit status 0" },
    ]);
    expect(agent.state).toEqual({ kind: "stopped" });
    expect(agent.ports.every((port) => !port.in_use_by_app && port.state === null)).toBe(true);
  });

  it("ignores a late event of an older start, but counts it", () => {
    const { agent, snapshot } = after([
      started,
      { type: "backend_exited", role, generation: 3, status: "exit status 0" },
    ]);
    expect(snapshot.seq).toBe(12);
    expect(agent.state.kind).toBe("taking_over");
    expect(agent.timeline).toHaveLength(1);
  });

  it("leaves the other role and the old snapshot alone", () => {
    const start = before();
    const copy = structuredClone(start);
    const { snapshot } = after([started], start);
    expect(start).toEqual(copy);
    expect(snapshot.roles[1]).toBe(start.roles[1]);
  });

  it("takes over preferences and roles", () => {
    const preferences = {
      language: "zh-CN",
      theme: "dark",
      on_close: "quit",
      notifications: true,
    } as const;
    const { snapshot } = after([{ type: "config_changed", preferences, enabled: ["hub"] }]);
    expect(snapshot.app.preferences).toEqual(preferences);
    expect(snapshot.roles.map(({ enabled }) => enabled)).toEqual([false, true]);
  });
});

describe("place", () => {
  it("tells known, next and missing", () => {
    const at = (seq: number) => place(before(), { seq, at: 0, event: started });
    expect([at(9), at(10), at(11), at(12)]).toEqual(["known", "known", "next", "gap"]);
  });
});
