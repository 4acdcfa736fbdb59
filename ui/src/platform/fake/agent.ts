// What a fake agent watches, measures and has noticed.

import type { AgentEvent, AgentStatus, MetricSample, MonitorConfig, MonitorType } from "../../generated/ipc";
import { BUCKET_MS, HOUR_MS, hostMetricsOf } from "../../state/samples.svelte";

const GIB = 1024 ** 3;

/** Numbers that move as those of a machine do. */
export function status(at: number = Date.now()): AgentStatus {
  const time = at / 1000;
  const wave = (period: number) => (Math.sin((time * 2 * Math.PI) / period) + 1) / 2;
  const cpu = 14 + 40 * wave(1410) ** 2 + 24 * wave(237) * wave(71) + 6 * wave(13);
  const memory = 9.2 + 6.1 * wave(2900) + 0.6 * wave(130);
  const now = new Date().toISOString();
  return {
    machine: "render-01",
    server_id: "6f1c2a",
    os: "linux",
    version: "4.1.0",
    monitors: {
      host_metrics: {
        type_id: "host_metrics",
        state: "ok",
        detail: `CPU ${cpu.toFixed(0)} %, memory ${((memory / 31.1) * 100).toFixed(0)} %`,
        metrics: {
          cpu_percent: cpu,
          memory_used_bytes: memory * GIB,
          memory_total_bytes: 31.1 * GIB,
          disk_used_bytes: 412 * GIB,
          disk_total_bytes: 931 * GIB,
          network_rx_bytes_per_s: 2_400_000 * wave(523) ** 3 * wave(41) + 112_000,
          network_tx_bytes_per_s: 780_000 * wave(917) ** 2,
          load_1m: 1.4 + 2 * wave(60),
          uptime_seconds: 275_400 + (time % 10_000),
        },
        last_update: now,
        state_seconds: 275_380,
      },
      "Blender render": {
        type_id: "log_pattern",
        state: "running",
        detail: "46 %",
        metrics: { progress_percent: 45.8, lines: 4121 },
        last_update: now,
        state_seconds: 4_380,
        work: {
          is_running: true,
          percent: 45.8,
          elapsed_seconds: 4_380,
          left_seconds: 5_190,
          last: { took_seconds: 7_980, ended_seconds: 14_400 },
        },
      },
      "NAS web page": {
        type_id: "tcp_check",
        state: "ok",
        detail: "192.168.1.9:443 accepts connections (3 ms)",
        metrics: { listening: true, connect_ms: 3.1 },
        last_update: now,
        state_seconds: 240,
      },
      "Nightly backup": {
        type_id: "state_file",
        state: "degraded",
        detail: "stale: written 1 d 7 h ago; it said done",
        metrics: { word: "done", age_seconds: 111_600, busy_seconds: null },
        last_update: new Date(Date.now() - 95_000).toISOString(),
        state_seconds: 25_200,
      },
    },
  };
}

/** The numbers of the last hour. */
export function history(now: number = Date.now()): MetricSample[] {
  const newest = Math.floor(now / BUCKET_MS) * BUCKET_MS;
  return Array.from({ length: HOUR_MS / BUCKET_MS }, (_, back) => newest - back * BUCKET_MS)
    .reverse()
    .map((at) => ({ at, metrics: hostMetricsOf(status(at))?.metrics ?? {} }));
}

export function events(): AgentEvent[] {
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const machine = "render-01";
  return [
    {
      id: 1,
      time: ago(1620),
      machine,
      monitor: "taskpaw",
      message: "TaskPaw agent 4.1.0 started",
      level: "info",
      title: "Agent started",
      data: { kind: "started", version: "4.1.0" },
    },
    {
      id: 2,
      time: ago(1571),
      machine,
      monitor: "Nightly backup",
      message: "running → done",
      level: "done",
      title: "Nightly backup: done",
      data: { kind: "word_changed", from: "running", to: "done" },
    },
    {
      id: 3,
      time: ago(62),
      machine,
      monitor: "Blender render",
      message: "scene-03.blend: saved 900 frames",
      level: "done",
      title: "Blender render finished",
      data: { kind: "work_done" },
    },
    {
      id: 4,
      time: ago(35),
      machine,
      monitor: "Nightly backup",
      message: "written 1 d 7 h ago",
      level: "alert",
      title: "Nightly backup is stale",
      data: { kind: "stale", seconds: 111_600 },
    },
    {
      id: 5,
      time: ago(4),
      machine,
      monitor: "NAS web page",
      message: "192.168.1.9:443 refuses the connection",
      level: "alert",
      title: "NAS web page is down",
      data: { kind: "down" },
    },
    // As TaskPaw V3 sends it.
    { id: 6, time: ago(2), machine, monitor: "NAS web page", message: "NAS web page answers again" },
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

export const monitorTypes: MonitorType[] = [
  {
    type_id: "host_metrics",
    title: "This machine",
    description: "CPU, memory, disk and network of this machine.",
    always_on: true,
    schema: {
      type: "object",
      required: [],
      properties: {
        cpu_alert_pct: { type: "number", title: "CPU alert", default: 95, minimum: 1, maximum: 100 },
        mem_alert_pct: { type: "number", title: "Memory alert", default: 95, minimum: 1, maximum: 100 },
        disk_alert_pct: { type: "number", title: "Disk alert", default: 95, minimum: 1, maximum: 100 },
        poll_interval: { type: "number", title: "Check every", default: 2, minimum: 1, maximum: 86_400 },
      },
    },
  },
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
  {
    type_id: "log_pattern",
    title: "Log file",
    description: "Progress and the end of work in a log file.",
    always_on: false,
    schema: {
      type: "object",
      required: ["path"],
      properties: {
        path: { type: "string", title: "Path", description: "The whole path of the file.", minLength: 1 },
        progress_pattern: { type: "string", title: "Progress", format: "regex" },
        from_start: { type: "boolean", title: "Include existing lines", default: false },
      },
    },
  },
  {
    type_id: "state_file",
    title: "State file",
    description: "The state that a program writes to a JSON file.",
    always_on: false,
    schema: {
      type: "object",
      required: ["path"],
      properties: {
        path: { type: "string", title: "Path", description: "The whole path of the file.", minLength: 1 },
        stale_seconds: { type: "number", title: "Stale after", default: 0, minimum: 0, maximum: 31_536_000 },
      },
    },
  },
  simple("http_check", "Web address", { url: { type: "string", title: "URL", minLength: 1 } }, ["url"]),
  simple(
    "folder",
    "New files in a folder",
    {
      path: { type: "string", title: "Folder", description: "The full path.", format: "path", minLength: 1 },
      extensions: { type: "array", title: "Only these extensions", items: { type: "string" }, default: [] },
      stable_seconds: { type: "number", title: "Complete after", default: 30, minimum: 0, maximum: 86_400 },
    },
    ["path"],
  ),
  simple(
    "process",
    "Program or service",
    { pattern: { type: "string", title: "Name", format: "regex", minLength: 1 } },
    ["pattern"],
  ),
  simple(
    "task",
    "One-time task",
    {
      pattern: { type: "string", title: "Name or command line", format: "regex", minLength: 1 },
      search_cmdline: { type: "boolean", title: "Search command lines too", default: true },
    },
    ["pattern"],
  ),
  simple("comfyui", "ComfyUI queue", {
    host: { type: "string", title: "Host", default: "127.0.0.1" },
    port: { type: "integer", title: "Port", default: 8188, minimum: 1, maximum: 65_535 },
  }),
  simple("dev_activity", "Coding assistants", {
    tools: {
      type: "array",
      title: "Assistants",
      items: { type: "string" },
      minItems: 1,
      default: ["claude", "codex"],
    },
  }),
];

function simple(
  type_id: string,
  title: string,
  properties: Record<string, unknown>,
  required: string[] = [],
): MonitorType {
  return {
    type_id,
    title,
    description: `${title}.`,
    always_on: false,
    schema: { type: "object", required, properties },
  };
}

export function monitors(): MonitorConfig[] {
  const monitor = (type_id: string, name: string, config: Record<string, unknown>): MonitorConfig => ({
    type_id,
    name,
    enabled: true,
    config,
  });
  return [
    monitor("host_metrics", "host_metrics", {}),
    monitor("log_pattern", "Blender render", { path: "/home/anna/renders/scene-04.log" }),
    monitor("tcp_check", "NAS web page", { host: "192.168.1.9", port: 443 }),
    monitor("state_file", "Nightly backup", { path: "/var/lib/backup/state.json", stale_seconds: 86_400 }),
  ];
}
