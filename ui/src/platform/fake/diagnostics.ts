// What a fake machine has written down: its log, its takeovers, and what came from TaskPaw 3.

import type { ImportReport, LogLevel, LogLine, TakeoverRecord } from "../../generated/ipc";
import { started } from "./roles";

/** A line of a log with its level, as the host reads it. */
export function logLine(text: string, number: number): LogLine {
  const level = /^\d\S* +(TRACE|DEBUG|INFO|WARN|ERROR) /.exec(text)?.[1]?.toLowerCase();
  return { number, level: (level as LogLevel | undefined) ?? null, text };
}

export const logs = [
  "2026-03-02T09:14:05.102Z  INFO taskpaw_backend: TaskPaw 4.1.0, role agent, pid 913",
  "2026-03-02T09:14:05.131Z  INFO taskpaw_backend::agent: network port on 127.0.0.1:5680, control port on 127.0.0.1:5681",
  "2026-03-02T09:14:05.180Z  INFO taskpaw_backend::monitors: 4 monitors",
  "2026-03-02T09:14:05.282Z  INFO taskpaw_backend: ready in 180 ms",
  "2026-03-02T09:44:11.007Z  WARN taskpaw_backend::monitors: Nightly backup: the last one is 31 hours old",
].map(logLine);

export const journal: TakeoverRecord[] = [
  {
    schema: 1,
    at: started + 48,
    version: "4.1.0",
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
      monitor: "Lada",
      reason: { kind: "unknown_monitor", type_id: "lada" },
      is_lost: true,
    },
    {
      file: "agent.yaml",
      key: "control_port",
      monitor: null,
      reason: { kind: "out_of_range", least: 1, most: 65_535 },
      is_lost: false,
    },
    {
      file: "agent.yaml",
      key: "monitors[2].config.retries",
      monitor: "Database",
      reason: { kind: "unknown_key" },
      is_lost: false,
    },
    {
      file: "hub.yaml",
      key: "bind_host",
      monitor: null,
      reason: { kind: "exposure", reason: "no_token" },
      is_lost: false,
    },
  ],
  left_out: 0,
  seen: false,
  database: "pending",
  is_whole: true,
};
