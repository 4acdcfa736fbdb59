// What an event changes in the snapshot: a pure function, so that the window shows what the host would answer.

import type { Event, HostEvent, PortView, RoleState, RoleView, Snapshot } from "../generated/ipc";

/** The events that belong to one start of one role. */
export type RoleEvent = Exclude<Event, { type: "config_changed" }>;

/** Where an event stands to a snapshot: already in it, the next one, or later, with others missing between. */
export type Place = "known" | "next" | "gap";

export function place(snapshot: Snapshot, event: HostEvent): Place {
  if (event.seq <= snapshot.seq) return "known";
  return event.seq === snapshot.seq + 1 ? "next" : "gap";
}

/** The snapshot after the event. The caller has made sure that it is the next one. */
export function reduce(snapshot: Snapshot, { seq, at, event }: HostEvent): Snapshot {
  if (event.type === "config_changed") {
    return {
      ...snapshot,
      seq,
      // A configuration that was read and taken is one that can be used.
      problem: null,
      app: { ...snapshot.app, preferences: event.preferences },
      roles: snapshot.roles.map((role) => ({ ...role, enabled: event.enabled.includes(role.role) })),
    };
  }
  // The last good copy is written after each successful start.
  const app = event.type === "backend_ready" ? { ...snapshot.app, has_last_good_config: true } : snapshot.app;
  const roles = snapshot.roles.map((role) =>
    role.role === event.role && event.generation >= role.generation ? reduceRole(role, at, event) : role,
  );
  return { ...snapshot, seq, app, roles };
}

function reduceRole(role: RoleView, at: number, event: RoleEvent): RoleView {
  return {
    ...role,
    generation: event.generation,
    state: stateAfter(role.state, event),
    ports: portsAfter(role.ports, event),
    last_takeover:
      event.type === "reclaim_finished" && event.replaced.length > 0
        ? { at, replaced: event.replaced, elapsed_ms: event.elapsed_ms }
        : role.last_takeover,
    timeline: timelineAfter(role, at, event),
  };
}

function stateAfter(state: RoleState, event: RoleEvent): RoleState {
  switch (event.type) {
    case "takeover_started":
      return { kind: "taking_over", progress: "looking" };
    case "reclaim_started":
      return { kind: "taking_over", progress: "ending" };
    case "lingering_wait":
      return { kind: "lingering", seconds_left: event.seconds_left };
    case "backend_starting":
      return { kind: "starting" };
    case "backend_ready":
      return { kind: "ready", backend: event.backend };
    case "backend_failed":
      return { kind: "failed", failure: event.failure };
    case "backend_backoff":
      return { kind: "backoff", wait_ms: event.wait_ms, attempt: event.attempt, failure: event.failure };
    case "backend_stopping":
      return { kind: "stopping" };
    case "backend_exited":
      return { kind: "stopped" };
    // Steps within a takeover; a conflict is followed by the event that says whether another attempt comes.
    case "reclaim_progress":
    case "reclaim_finished":
    case "port_conflict":
      return state;
  }
}

function portsAfter(ports: PortView[], event: RoleEvent): PortView[] {
  if ("ports" in event) return event.ports;
  switch (event.type) {
    case "backend_failed":
    case "backend_backoff":
    case "backend_exited":
      return ports.map(released);
    default:
      return ports;
  }
}

/** A backend that is gone holds nothing; who holds the port since then has not been looked at. */
function released(port: PortView): PortView {
  return port.in_use_by_app ? { ...port, in_use_by_app: false, state: null, holders: [] } : port;
}

function timelineAfter(role: RoleView, at: number, event: RoleEvent): RoleView["timeline"] {
  if (event.type === "takeover_started" || event.generation > role.generation) return [{ at, event }];
  const last = role.timeline.at(-1);
  const counted = event.type === "lingering_wait" && last?.event.type === "lingering_wait";
  return [...(counted ? role.timeline.slice(0, -1) : role.timeline), { at, event }];
}
