// What a fake host knows of what is watched, as the real one counts it.

import type {
  AgentStatus,
  FleetStatus,
  Health,
  RoleView,
  Snapshot,
  Trouble,
  TroubleState,
  Watched,
} from "../../generated/ipc";

const order: TroubleState[] = ["offline", "error", "degraded"];

function watched(total: number, troubles: Trouble[]): Watched {
  const sorted = troubles.toSorted((one, other) => order.indexOf(one.state) - order.indexOf(other.state));
  return { total, broken: troubles.length, troubles: sorted };
}

function ofMonitors(status: AgentStatus, machine: string | null): { total: number; troubles: Trouble[] } {
  const monitors = Object.entries(status.monitors).filter(([, { state }]) => state !== "stopped");
  const troubles = monitors.flatMap(([monitor, { state, state_seconds }]): Trouble[] => {
    if (state !== "error" && state !== "degraded") return [];
    const since = state_seconds === undefined ? null : Date.now() - state_seconds * 1000;
    return [{ machine, monitor, state, since }];
  });
  return { total: monitors.length, troubles };
}

function ofFleet({ agents }: FleetStatus, own: string): Watched {
  const others = agents.filter(({ enabled, status }) => enabled && (!status || status.machine !== own));
  const found = others.map((agent) => {
    if (agent.online && agent.status) return ofMonitors(agent.status, agent.name);
    if (agent.error === null) return { total: 1, troubles: [] };
    const since = agent.last_seen_seconds === null ? null : Date.now() - agent.last_seen_seconds * 1000;
    return { total: 1, troubles: [{ machine: agent.name, monitor: null, state: "offline" as const, since }] };
  });
  return watched(
    found.reduce((sum, { total }) => sum + total, 0),
    found.flatMap(({ troubles }) => troubles),
  );
}

function healthOf(roles: RoleView[]): Health {
  const on = roles.filter(({ enabled }) => enabled);
  const sum = (of: (watched: Watched) => number) =>
    on.reduce((total, { watched }) => total + (watched ? of(watched) : 0), 0);
  const [total, broken] = [sum((each) => each.total), sum((each) => each.broken)];
  if (broken > 0) return { kind: "attention", total, broken };
  const stands = ["stopped", "waiting", "failed", "backoff"];
  if (on.length === 0 || on.some(({ state }) => stands.includes(state.kind))) return { kind: "not_watched" };
  return on.some(({ watched }) => watched === null) ? { kind: "unknown" } : { kind: "all_well", total };
}

/** The snapshot with what its roles watch, if they are ready. */
export function withHealth(snapshot: Snapshot, status: AgentStatus, fleet: FleetStatus): Snapshot {
  const roles = snapshot.roles.map((view): RoleView => {
    if (view.state.kind !== "ready") return { ...view, watched: null };
    if (view.role === "hub") return { ...view, watched: ofFleet(fleet, status.machine) };
    const { total, troubles } = ofMonitors(status, null);
    return { ...view, watched: watched(total, troubles) };
  });
  return { ...snapshot, roles, health: healthOf(roles) };
}
