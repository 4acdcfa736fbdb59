// How old what was heard is by now: ages in it are as of when it came, and grow with it.

import type { FleetAgent, MonitorStatus, Work } from "../generated/ipc";

const heardAt = new WeakMap<object, number>();

/** These came just now. */
export function hear(all: Iterable<object>, now = Date.now()): void {
  for (const one of all) heardAt.set(one, now);
}

/** For how long it has been known, in seconds. */
function since(one: object, now: number): number {
  return Math.max(0, now - (heardAt.get(one) ?? now)) / 1000;
}

function agedWork(work: Work, seconds: number): Work {
  const last = work.last && { ...work.last, ended_seconds: work.last.ended_seconds + seconds };
  if (!work.is_running) return { ...work, last };
  return {
    ...work,
    last,
    elapsed_seconds: work.elapsed_seconds === null ? null : work.elapsed_seconds + seconds,
    left_seconds: work.left_seconds === null ? null : Math.max(0, work.left_seconds - seconds),
  };
}

/** A monitor as of now. */
export function monitorNow(status: MonitorStatus, now: number, seconds = since(status, now)): MonitorStatus {
  return {
    ...status,
    ...(status.state_seconds === undefined ? {} : { state_seconds: status.state_seconds + seconds }),
    ...(status.work === undefined ? {} : { work: agedWork(status.work, seconds) }),
  };
}

/** A machine as of now. What a silent one said last stands still. */
export function machineNow(agent: FleetAgent, now: number): FleetAgent {
  const seconds = since(agent, now);
  const older = (age: number | null) => (age === null ? null : age + seconds);
  const monitors = Object.entries(agent.status?.monitors ?? {});
  return {
    ...agent,
    last_seen_seconds: older(agent.last_seen_seconds),
    installed_anew_seconds: older(agent.installed_anew_seconds),
    missed_events: agent.missed_events && {
      ...agent.missed_events,
      seconds: agent.missed_events.seconds + seconds,
    },
    status:
      agent.status && agent.online
        ? {
            ...agent.status,
            monitors: Object.fromEntries(
              monitors.map(([name, monitor]) => [name, monitorNow(monitor, now, seconds)]),
            ),
          }
        : agent.status,
  };
}
