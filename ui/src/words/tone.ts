// How something is, in three ways at once: a tone for the colour, an icon for the eye, and always a word beside it.

import type { EventLevel, MonitorState, RoleView } from "../generated/ipc";

export type Tone = "ok" | "busy" | "warn" | "bad" | "quiet";

export type IconName =
  | "this-machine"
  | "fleet"
  | "events"
  | "ports"
  | "settings"
  | "diagnostics"
  | "ok"
  | "busy"
  | "warn"
  | "bad"
  | "quiet"
  | "info"
  | "down"
  | "up"
  | "close"
  | "add"
  | "edit"
  | "remove"
  | "copy"
  | "folder"
  | "show"
  | "hide"
  | "export"
  | "undo"
  | "sounds"
  | "muted";

export function roleTone({ enabled, state }: RoleView): Tone {
  if (!enabled && state.kind === "stopped") return "quiet";
  switch (state.kind) {
    case "ready":
      return "ok";
    case "stopped":
      return "quiet";
    case "backoff":
      return "warn";
    case "waiting":
    case "failed":
      return "bad";
    default:
      return "busy";
  }
}

export const monitorTone: Record<MonitorState, Tone> = {
  unknown: "quiet",
  ok: "ok",
  idle: "quiet",
  running: "busy",
  degraded: "warn",
  error: "bad",
  stopped: "quiet",
};

export function levelTone(level: EventLevel | null | undefined): Tone {
  switch (level) {
    case "done":
      return "ok";
    case "warn":
      return "warn";
    case "alert":
      return "bad";
    default:
      return "quiet";
  }
}
