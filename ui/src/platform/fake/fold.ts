// What an event changes in what the fake host shows. The real one does that in `src-tauri/src/board.rs`; the window
// itself only stores what it is sent.

import type { Event, PortView, RoleState, RoleView, Snapshot, TimelineEntry } from "../../generated/ipc";

import { isAboutPorts } from "../../words/failure";

/** The events that belong to one start of one role. */
type RoleEvent = Exclude<
  Event,
  {
    type:
      | "app_changed"
      | "apply_progress"
      | "close_answered"
      | "close_requested"
      | "config_changed"
      | "event_chosen"
      | "handover_failed"
      | "handover_finished"
      | "handover_started"
      | "launch_changed"
      | "other_started"
      | "update_installed";
  }
>;

/** The snapshot after an event. */
export function fold(snapshot: Snapshot, at: number, event: Event): Snapshot {
  const seq = snapshot.seq + 1;
  if (event.type === "app_changed" || event.type === "event_chosen") return { ...snapshot, seq };
  if (event.type === "config_changed") {
    return {
      ...snapshot,
      seq,
      app: { ...snapshot.app, preferences: event.preferences },
      roles: snapshot.roles.map((role) => ({ ...role, enabled: event.enabled.includes(role.role) })),
    };
  }
  if (event.type === "handover_started") {
    return {
      ...snapshot,
      seq,
      app: { ...snapshot.app, replaced_by: event.version, failed_successor: null, other_start: null },
    };
  }
  if (event.type === "handover_failed") {
    return {
      ...snapshot,
      seq,
      app: { ...snapshot.app, replaced_by: null, failed_successor: event.successor },
    };
  }
  if (event.type === "handover_finished") {
    return { ...snapshot, seq, app: { ...snapshot.app, took_over: event.from } };
  }
  if (event.type === "other_started") {
    return { ...snapshot, seq, app: { ...snapshot.app, other_start: event.other } };
  }
  if (event.type === "launch_changed") {
    return { ...snapshot, seq, app: { ...snapshot.app, launch: event.launch } };
  }
  if (event.type === "update_installed") {
    return { ...snapshot, seq, app: { ...snapshot.app, update: event.version } };
  }
  if (event.type === "close_requested" || event.type === "close_answered") {
    return { ...snapshot, seq, app: { ...snapshot.app, is_close_asked: event.type === "close_requested" } };
  }
  if (event.type === "apply_progress") {
    const { role, apply } = event;
    return {
      ...snapshot,
      seq,
      roles: snapshot.roles.map((view) => (view.role === role ? { ...view, apply } : view)),
    };
  }
  const roles = snapshot.roles.map((role) =>
    role.role === event.role && event.generation >= role.generation ? foldRole(role, at, event) : role,
  );
  return { ...snapshot, seq, roles };
}

function foldRole(role: RoleView, at: number, event: RoleEvent): RoleView {
  return {
    ...role,
    generation: event.type === "takeover_started" ? event.generation : role.generation,
    state: stateAfter(role.state, event),
    ports: portsAfter(role.ports, event),
    last_takeover:
      event.type === "reclaim_finished" && event.replaced.length > 0
        ? { at, replaced: event.replaced, elapsed_ms: event.elapsed_ms }
        : role.last_takeover,
    timeline: timelineAfter(role.timeline, at, event),
  };
}

function stateAfter(state: RoleState, event: RoleEvent): RoleState {
  switch (event.type) {
    case "takeover_started":
      return { kind: "taking_over", progress: "looking" };
    case "reclaim_started":
      return { kind: "taking_over", progress: "ending" };
    case "lingering_wait":
      return { kind: "lingering", seconds_left: event.seconds_left, cause: event.cause };
    case "backend_starting":
      return { kind: "starting" };
    case "backend_ready":
      return { kind: "ready", backend: event.backend };
    case "backend_failed":
      return { kind: "failed", failure: event.failure, retry_ms: event.retry_ms };
    case "backend_waiting":
      return { kind: "waiting", failure: event.failure };
    case "backend_backoff":
      return { kind: "backoff", wait_ms: event.wait_ms, attempt: event.attempt, failure: event.failure };
    case "backend_stopping":
      return { kind: "stopping" };
    case "backend_stood_down":
      return { kind: "stood_down" };
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
    case "backend_waiting":
    case "backend_backoff":
      // The ports of a conflict are the reason, and are shown with it.
      return isAboutPorts(event.failure) ? ports : ports.map(released);
    case "backend_exited":
      return ports.map(released);
    default:
      return ports;
  }
}

/** A backend that is gone holds nothing; who holds the port since then has not been looked at. */
function released(port: PortView): PortView {
  return { ...port, in_use_by_app: false, state: null, outlook: null, holders: [], suggestion: null };
}

function timelineAfter(timeline: TimelineEntry[], at: number, event: RoleEvent): TimelineEntry[] {
  const entry = { at, event };
  switch (event.type) {
    case "takeover_started":
      return [entry];
    case "lingering_wait":
      // A countdown is one line.
      return [...timeline.filter((earlier) => earlier.event.type !== "lingering_wait"), entry];
    // What the ports are now, and what is waited for, are one line each.
    case "port_conflict":
    case "backend_waiting":
      return [...timeline.filter((earlier) => earlier.event.type !== event.type), entry];
    default:
      return [...timeline, entry];
  }
}
