// The roles of a fake machine: how they started, what they listen on, and the snapshot that they are in.

import type { PortOutlook, PortView, RoleView, Snapshot } from "../../generated/ipc";
import { updates } from "./updates";

export const started = Date.now() - 200_000;

export function port(name: string, number: number, change: Partial<PortView> = {}): PortView {
  return judged({
    name,
    host: "127.0.0.1",
    port: number,
    state: null,
    in_use_by_app: false,
    holders: [],
    suggestion: null,
    ...change,
  });
}

/** With what the state means for a start, as the host says it. */
export function judged(view: Omit<PortView, "outlook">): PortView {
  return { ...view, outlook: outlookOf(view) };
}

function outlookOf({ state, in_use_by_app }: Pick<PortView, "state" | "in_use_by_app">): PortOutlook | null {
  if (state === null) return null;
  if (in_use_by_app || state === "free" || state === "own_stale") return "starts";
  return state === "lingering" ? "waits" : "refuses";
}

export const agentPorts = (change: Partial<PortView> = {}): PortView[] => [
  port("network", 5680, change),
  port("control", 5681, change),
];

export const backend = { pid: 913, version: "4.1.0", base_url: "http://127.0.0.1:5681", ready_ms: 180.3 };

const replaced = {
  pid: 812,
  name: "taskpaw-backend",
  version: "3.9.2",
  forced: false,
  ms: 41.2,
  left: [],
};

export function readyAgent(): RoleView {
  const role = "agent";
  const generation = 1;
  const ports = agentPorts({ state: "own_stale", in_use_by_app: true });
  return {
    role,
    enabled: true,
    generation,
    state: { kind: "ready", backend },
    ports,
    last_takeover: { at: started + 48, replaced: [replaced], elapsed_ms: 47.9 },
    timeline: [
      { at: started, event: { type: "takeover_started", role, generation, ports: agentPorts() } },
      {
        at: started + 4,
        event: {
          type: "reclaim_started",
          role,
          generation,
          ports: agentPorts({ state: "own_stale" }),
          pids: [812],
        },
      },
      { at: started + 5, event: { type: "reclaim_progress", role, generation, pid: 812, stage: "asked" } },
      { at: started + 46, event: { type: "reclaim_progress", role, generation, pid: 812, stage: "gone" } },
      {
        at: started + 48,
        event: { type: "reclaim_finished", role, generation, replaced: [replaced], elapsed_ms: 47.9 },
      },
      {
        at: started + 50,
        event: { type: "backend_starting", role, generation, ports: agentPorts({ state: "free" }) },
      },
      { at: started + 230, event: { type: "backend_ready", role, generation, backend, ports } },
    ],
    apply: null,
    watched: null,
  };
}

export function readyHub(): RoleView {
  const role = "hub";
  const ports = [port("api", 5690, { state: "own_stale", in_use_by_app: true })];
  const hub = { ...backend, pid: 921, base_url: "http://127.0.0.1:5690", ready_ms: 94 };
  return {
    role,
    enabled: true,
    generation: 1,
    state: { kind: "ready", backend: hub },
    ports,
    last_takeover: null,
    timeline: [
      { at: started, event: { type: "takeover_started", role, generation: 1, ports: [port("api", 5690)] } },
      {
        at: started + 3,
        event: { type: "backend_starting", role, generation: 1, ports: [port("api", 5690)] },
      },
      { at: started + 97, event: { type: "backend_ready", role, generation: 1, backend: hub, ports } },
    ],
    apply: null,
    watched: null,
  };
}

export function offHub(): RoleView {
  return {
    role: "hub",
    enabled: false,
    generation: 0,
    state: { kind: "stopped" },
    ports: [port("api", 5690)],
    last_takeover: null,
    timeline: [],
    apply: null,
    watched: null,
  };
}

export function snapshot(agent: RoleView, hub: RoleView): Snapshot {
  return {
    seq: 12,
    app: {
      version: "4.1.0",
      config_dir: "/home/anna/.config/TaskPaw",
      data_dir: "/home/anna/.local/share/TaskPaw",
      preferences: {
        language: "en",
        theme: "system",
        zoom: 100,
        on_close: "ask",
        notifications: false,
        notifications_offered: true,
        muted: [],
        look_for_updates: "yes",
      },
      system_language: "en",
      has_last_good_config: true,
      replaced_by: null,
      failed_successor: null,
      other_start: null,
      update: null,
      took_over: null,
      launch: { kind: "running" },
      tokens: [],
      short_tokens: [],
      alerts: [],
      start_at_login: false,
      lost_data: false,
      has_tray: true,
      is_close_asked: false,
      imported: null,
      left_behind: null,
      updates: updates(),
    },
    problem: null,
    roles: [agent, hub],
    health: { kind: "unknown" },
  };
}
