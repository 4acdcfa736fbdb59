// A fake machine in its ordinary state; the scenarios change what they are about.

import type {
  AgentEvent,
  AgentStatus,
  FleetStatus,
  ImportReport,
  LogLevel,
  LogLine,
  MonitorType,
  PortView,
  RoleView,
  Snapshot,
  TakeoverRecord,
} from "../../generated/ipc";
import type { World } from "./host";

const started = Date.now() - 200_000;

export function port(name: string, number: number, change: Partial<PortView> = {}): PortView {
  return {
    name,
    host: "127.0.0.1",
    port: number,
    state: null,
    in_use_by_app: false,
    holders: [],
    suggestion: null,
    ...change,
  };
}

export const agentPorts = (change: Partial<PortView> = {}): PortView[] => [
  port("network", 5680, change),
  port("control", 5681, change),
];

export const backend = { pid: 913, version: "4.0.0", base_url: "http://127.0.0.1:5681", ready_ms: 180.3 };

const replaced = { pid: 812, name: "taskpaw-backend", version: "3.9.2", forced: false, ms: 41.2 };

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
  };
}

export function snapshot(agent: RoleView, hub: RoleView): Snapshot {
  return {
    seq: 12,
    app: {
      version: "4.0.0",
      config_dir: "/home/anna/.config/TaskPaw",
      data_dir: "/home/anna/.local/share/TaskPaw",
      preferences: { language: "en", theme: "system", on_close: "ask", notifications: false },
      has_last_good_config: true,
      replaced_by: null,
      update: null,
      took_over: null,
      launch: { kind: "running" },
      tokens: [],
      start_at_login: false,
      has_tray: true,
      is_close_asked: false,
      imported: null,
    },
    problem: null,
    roles: [agent, hub],
  };
}

/** What a first start has taken over from TaskPaw 3 and what it has not. */
export const imported: ImportReport = {
  at: started,
  folder: "/etc/taskpaw",
  files: ["agent.yaml", "hub.yaml"],
  roles: ["agent", "hub"],
  taken: [
    ...["server_id", "machine", "api_token", "bind_host", "bind_port"].map((key) => ({
      file: "agent.yaml" as const,
      key,
      monitor: null,
    })),
    { file: "agent.yaml", key: "monitors[0]", monitor: "Downloads" },
    { file: "agent.yaml", key: "monitors[2]", monitor: "Database" },
    { file: "hub.yaml", key: "poll_interval", monitor: null },
  ],
  not_taken: [
    {
      file: "agent.yaml",
      key: "monitors[1].type_id",
      monitor: "ComfyUI",
      reason: { kind: "unknown_monitor", type_id: "comfyui" },
    },
    {
      file: "agent.yaml",
      key: "control_port",
      monitor: null,
      reason: { kind: "out_of_range", least: 1, most: 65_535 },
    },
    { file: "hub.yaml", key: "bind_host", monitor: null, reason: { kind: "exposure", reason: "no_token" } },
    { file: "hub.yaml", key: "openclaw_url", monitor: null, reason: { kind: "unknown_key" } },
  ],
  left_out: 0,
  seen: false,
};

const GIB = 1024 ** 3;

/** Numbers that move as those of a machine do. */
export function status(at: number = Date.now()): AgentStatus {
  const time = at / 1000;
  const wave = (period: number) => (Math.sin((time * 2 * Math.PI) / period) + 1) / 2;
  const now = new Date().toISOString();
  return {
    machine: "render-01",
    server_id: "6f1c2a",
    os: "linux",
    monitors: {
      machine: {
        type_id: "host_metrics",
        state: "ok",
        detail: "",
        metrics: {
          cpu_percent: 14 + 40 * wave(1410) ** 2 + 24 * wave(237) * wave(71) + 6 * wave(13),
          memory_used_bytes: (9.2 + 6.1 * wave(2900) + 0.6 * wave(130)) * GIB,
          memory_total_bytes: 31.1 * GIB,
          disk_used_bytes: 412 * GIB,
          disk_total_bytes: 931 * GIB,
          network_rx_bytes_per_s: 2_400_000 * wave(523) ** 3 * wave(41) + 112_000,
          network_tx_bytes_per_s: 780_000 * wave(917) ** 2,
          load_1m: 1.4 + 2 * wave(60),
          uptime_seconds: 275_400 + (time % 10_000),
        },
        last_update: now,
      },
      "Blender render": {
        type_id: "log_pattern",
        state: "running",
        detail: "Frame 412 of 900, about 2 h left",
        metrics: {},
        last_update: now,
      },
      "NAS web page": {
        type_id: "tcp_check",
        state: "ok",
        detail: "192.168.1.9:443 answers in 3 ms",
        metrics: {},
        last_update: now,
      },
      "Nightly backup": {
        type_id: "heartbeat",
        state: "degraded",
        detail: "The last one is 31 hours old",
        metrics: {},
        last_update: new Date(Date.now() - 95_000).toISOString(),
      },
    },
  };
}

function events(): AgentEvent[] {
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const machine = "render-01";
  return [
    { id: 1, time: ago(1620), machine, monitor: "Agent", message: "TaskPaw 3.9.2 was replaced by 4.0.0" },
    {
      id: 2,
      time: ago(1571),
      machine,
      monitor: "Nightly backup",
      message: "Finished in 14 minutes",
      level: "done",
      title: "Backup finished",
    },
    {
      id: 3,
      time: ago(62),
      machine,
      monitor: "Blender render",
      message: "scene-04.blend, 900 frames",
      level: "info",
      title: "Render started",
    },
    {
      id: 4,
      time: ago(35),
      machine,
      monitor: "Nightly backup",
      message: "The last one is 31 hours old",
      level: "warn",
      title: "Backup is late",
    },
    {
      id: 5,
      time: ago(4),
      machine,
      monitor: "NAS web page",
      message: "192.168.1.9:443 refused the connection",
      level: "alert",
      title: "NAS web page is down",
    },
    {
      id: 6,
      time: ago(2),
      machine,
      monitor: "NAS web page",
      message: "192.168.1.9:443 answers again",
      level: "done",
    },
  ];
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

/** As many events as an agent keeps, over some weeks. */
export function manyEvents(count: number): AgentEvent[] {
  const some = events();
  const now = Date.now();
  return Array.from({ length: count }, (_, index) => {
    const event = some[(index * 7) % some.length]!;
    const id = index + 1;
    const time = new Date(now - (count - index) * 240_000).toISOString();
    return { ...event, id, time, message: `${event.message}, ${id}` };
  });
}

function fleet(): FleetStatus {
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
        status: { ...status(), machine: "render-02" },
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
        status: { ...status(), machine: "nas", monitors: { machine: status().monitors["machine"]! } },
      },
      {
        name: "laptop",
        url: "http://192.168.1.40:5680",
        enabled: false,
        has_token: false,
        online: false,
        last_seen_seconds: null,
        error: null,
        error_code: null,
        installed_anew_seconds: null,
        status: null,
      },
    ],
    offers: [{ machine: "workshop", url: "http://192.168.1.31:5680", version: "4.0.0" }],
    webhook: null,
  };
}

/** A line of a log with its level, as the host reads it. */
export function logLine(text: string, number: number): LogLine {
  const level = /^\d\S* +(TRACE|DEBUG|INFO|WARN|ERROR) /.exec(text)?.[1]?.toLowerCase();
  return { number, level: (level as LogLevel | undefined) ?? null, text };
}

const logs = [
  "2026-03-02T09:14:05.102Z  INFO taskpaw_backend: TaskPaw 4.0.0, role agent, pid 913",
  "2026-03-02T09:14:05.131Z  INFO taskpaw_backend::agent: network port on 127.0.0.1:5680, control port on 127.0.0.1:5681",
  "2026-03-02T09:14:05.180Z  INFO taskpaw_backend::monitors: 4 monitors",
  "2026-03-02T09:14:05.282Z  INFO taskpaw_backend: ready in 180 ms",
  "2026-03-02T09:44:11.007Z  WARN taskpaw_backend::monitors: Nightly backup: the last one is 31 hours old",
].map(logLine);

const journal: TakeoverRecord[] = [
  {
    schema: 1,
    at: started + 48,
    version: "4.0.0",
    role: "agent",
    decision: "reclaim",
    outcome: "ready",
    reason: null,
    elapsed_ms: 47.9,
    ports: [{ name: "network", host: "127.0.0.1", port: 5680, state: "own_stale", holders: [812] }],
    holders: [
      {
        pid: 812,
        name: "taskpaw-backend",
        exe: "/usr/bin/taskpaw-backend",
        user: "anna",
        started_at: 8123,
        role: "agent",
        judged: "own",
        rule: "program",
        done: "graceful",
        ms: 41.2,
      },
    ],
  },
];

const monitorTypes: MonitorType[] = [
  {
    type_id: "tcp_check",
    title: "TCP port",
    description: "A host and port accept a connection.",
    always_on: false,
    schema: {
      type: "object",
      required: ["host", "port"],
      properties: {
        host: { type: "string", title: "Host", description: "A name or an address.", minLength: 1 },
        port: { type: "integer", title: "Port", minimum: 1, maximum: 65535 },
        timeout: { type: "number", title: "Time limit", default: 5, minimum: 0.1, maximum: 60 },
      },
    },
  },
];

export function ordinary(): World {
  const happened = events();
  return {
    snapshot: snapshot(readyAgent(), offHub()),
    taken: {
      5682: {
        state: "foreign",
        holders: [
          {
            pid: 812,
            name: "postgres",
            exe: "/usr/lib/postgresql/bin/postgres",
            user: "anna",
            role: null,
            ours: false,
          },
        ],
      },
    },
    status,
    events: happened,
    fleet: fleet(),
    fleetEvents: [...happened, ...eventsOfOthers()]
      .toSorted((one, other) => Date.parse(one.time) - Date.parse(other.time))
      .map((event, index) => ({
        ...event,
        number: index + 1,
        agent: event.machine,
        server_id: event.machine,
        age_seconds: (Date.now() - Date.parse(event.time)) / 1000,
      }))
      .reverse(),
    logs,
    journal,
    monitorTypes,
    monitors: [
      {
        type_id: "tcp_check",
        name: "NAS web page",
        enabled: true,
        config: { host: "192.168.1.9", port: 443 },
      },
    ],
    tokens: {},
    addresses: [
      { address: "127.0.0.1", interface: "lo", refused: null },
      { address: "192.168.1.5", interface: "eth0", refused: "no_token" },
    ],
    agentTest: {
      error: null,
      error_code: null,
      status: status(),
      version: "4.0.0",
      known_as: null,
      milliseconds: 3.4,
    },
    refuse: {},
    delay: 30,
  };
}
