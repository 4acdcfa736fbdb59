// The machines that a fake hub polls, and what they have sent.

import type {
  AgentDraft,
  AgentEvent,
  FleetAgent,
  FleetEvent,
  FleetStatus,
  MonitorStatus,
} from "../../generated/ipc";
import { status } from "./agent";

/** An agent as a hub knows it before the first poll. */
export function unanswered({ name, url, token, enabled }: AgentDraft): FleetAgent {
  return {
    name,
    url,
    enabled,
    has_token: token !== "",
    online: false,
    last_seen_seconds: null,
    error: null,
    error_code: null,
    installed_anew_seconds: null,
    missed_events: null,
    status: null,
  };
}

/** A machine that mostly keeps files. */
function ofNas(): MonitorStatus {
  const monitor = status(Date.now() - 700_000).monitors["host_metrics"]!;
  return {
    ...monitor,
    metrics: { ...monitor.metrics, disk_used_bytes: 7.1 * 1024 ** 4, disk_total_bytes: 8 * 1024 ** 4 },
  };
}

export function fleet(): FleetStatus {
  return {
    agents: [
      {
        name: "render-01",
        url: "http://127.0.0.1:5680",
        enabled: true,
        has_token: false,
        online: true,
        last_seen_seconds: 8,
        error: null,
        error_code: null,
        installed_anew_seconds: null,
        missed_events: null,
        status: status(),
      },
      {
        name: "render-02",
        url: "http://192.168.1.22:5680",
        enabled: true,
        has_token: false,
        online: false,
        last_seen_seconds: 4210,
        error: "connection refused",
        error_code: "unreachable",
        installed_anew_seconds: null,
        missed_events: null,
        status: { ...status(Date.now() - 1_650_000), machine: "render-02", version: "4.0.0" },
      },
      {
        name: "nas",
        url: "http://192.168.1.9:5680",
        enabled: true,
        has_token: false,
        online: true,
        last_seen_seconds: 31,
        error: null,
        error_code: null,
        installed_anew_seconds: null,
        missed_events: null,
        status: {
          ...status(),
          machine: "nas",
          monitors: { host_metrics: ofNas() },
        },
      },
      unanswered({ name: "laptop", url: "http://192.168.1.40:5680", token: "", enabled: false }),
    ],
    offers: [{ machine: "workshop", url: "http://192.168.1.31:5680", version: "4.1.0" }],
    webhook: null,
  };
}

/** What only the hub knows. */
function eventsOfOthers(): AgentEvent[] {
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  return [
    {
      id: 31,
      time: ago(96),
      machine: "nas",
      monitor: "Disk check",
      message: "8 TiB without an error",
      level: "done",
      title: "Disk check finished",
    },
    {
      id: 12,
      time: ago(70),
      machine: "render-02",
      monitor: "Blender render",
      message: "scene-03.blend stopped at frame 218",
      level: "alert",
      title: "Render stopped",
    },
  ];
}

/** What all of them have sent, the newest first. */
export function fleetEvents(own: AgentEvent[]): FleetEvent[] {
  return [...own, ...eventsOfOthers()]
    .toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time))
    .map((event, index) => ({
      ...event,
      number: index + 1,
      agent: event.machine,
      server_id: event.machine,
      age_seconds: (Date.now() - Date.parse(event.time)) / 1000,
    }))
    .reverse();
}
