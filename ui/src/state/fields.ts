// What the window knows of single settings besides their schema: their unit, how a person fills them in, and which of them
// most people leave as they are.

import type { MonitorConfig, PathKind } from "../generated/ipc";
import type { FormField, Typed } from "./schema";

export type Unit = "seconds" | "percent";

/** The unit that stands in the field. */
export function unitOf({ key, kind }: FormField): Unit | null {
  if (kind !== "number") return null;
  if (key.endsWith("_pct")) return "percent";
  return key.endsWith("_seconds") || key === "timeout" || key === "poll_interval" ? "seconds" : null;
}

const folders = new Set(["folder", "disk_path", "state_dir"]);
const files = new Set(["comfyui_log_path"]);

/** What is to be chosen for a field that holds a path; nothing for every other field. */
export function pathKindOf(typeId: string, { key, format }: FormField): PathKind | null {
  if (folders.has(key)) return "folder";
  if (files.has(key)) return "file";
  if (format !== "path" && key !== "path") return null;
  return typeId === "folder" ? "folder" : "file";
}

/** Whether programs that run are offered for it. */
export function takesProgram(typeId: string, { key }: FormField): boolean {
  return key === "pattern" && (typeId === "process" || typeId === "task");
}

/** What stands above the fold besides what must be filled in; of a kind that is not here it is everything. */
const main: Record<string, string[]> = {
  host_metrics: ["cpu_alert_pct", "mem_alert_pct", "disk_alert_pct", "alerts"],
  process: [],
  task: [],
  tcp_check: ["host"],
  http_check: [],
  folder: ["extensions"],
  log_pattern: ["progress_pattern", "done_pattern", "error_pattern"],
  state_file: ["state_field", "stale_seconds"],
  heartbeat: ["grace_seconds"],
  custom_cmd: ["folder"],
  comfyui: ["host", "port"],
  dev_activity: ["tools"],
};

/** The fields that everybody sees, and those that are folded away. */
export function folded(
  typeId: string,
  fields: FormField[],
  wanted: string[] | null = null,
): { shown: FormField[]; more: FormField[] } {
  const above = wanted ?? main[typeId];
  const isShown = ({ required, key }: FormField) => required || !above || above.includes(key);
  return { shown: fields.filter(isShown), more: fields.filter((field) => !isShown(field)) };
}

/** An address as people say it: what has no scheme gets the one that it most likely has. */
export function withScheme(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "" || /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) return trimmed;
  if (!/^[^\s/?#]+([/?#]|$)/.test(trimmed)) return trimmed;
  const [host = ""] = trimmed.split(/[/?#]/);
  // What is at home rarely has a certificate; everything else has one.
  const isAtHome =
    /^(localhost|\[[\da-f:]+\]|\d{1,3}(\.\d{1,3}){3}|[^.]+|.*\.(local|lan|home|internal))(:\d+)?$/i.test(
      host,
    );
  return `${isAtHome ? "http" : "https"}://${trimmed}`;
}

/** The name of a program as a pattern that finds it. */
export function programPattern(name: string): string {
  const plain = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  // A short word is a part of many others.
  return name.length < 4 ? `^${plain}$` : plain;
}

function lastPart(path: string): string {
  return (
    path
      .trim()
      .split(/[\\/]+/)
      .filter(Boolean)
      .at(-1) ?? ""
  );
}

function hostOf(url: string): string {
  try {
    return new URL(withScheme(url)).host;
  } catch {
    return "";
  }
}

/** What a monitor could be called, by what it watches; empty while that is not known. */
export function proposedName(
  typeId: string,
  values: Record<string, Typed>,
  kindName: string,
  taken: string[],
): string {
  const text = (key: string) => (typeof values[key] === "string" ? values[key].trim() : "");
  const wanted = ((): string => {
    switch (typeId) {
      case "folder":
        return lastPart(text("path"));
      case "log_pattern":
      case "state_file":
      case "heartbeat":
        return lastPart(text("path")).replace(/(?!^)\.[a-z0-9]{1,5}$/i, "");
      case "http_check":
        return hostOf(text("url"));
      case "tcp_check":
        return text("port") === "" ? "" : `${text("host")}:${text("port")}`.replace(/^:/, "");
      case "process":
      case "task":
        return text("pattern")
          .replace(/\\(.)/g, "$1")
          .replace(/^\^|\$$/g, "");
      case "custom_cmd":
        return lastPart(text("command").split("\n")[0] ?? "");
      case "comfyui":
        return "ComfyUI";
      case "dev_activity":
        return kindName;
      default:
        return "";
    }
  })().slice(0, 90);
  return wanted === "" || !taken.includes(wanted) ? wanted : numbered(wanted, taken);
}

/** A name that nobody has: "NAS 2", "NAS 3". */
function numbered(name: string, taken: string[]): string {
  let number = 2;
  while (taken.includes(`${name} ${number}`)) number += 1;
  return `${name} ${number}`;
}

/** The same monitor once more, under a name that is free. */
export function duplicateOf(config: MonitorConfig, taken: string[]): MonitorConfig {
  return { ...config, name: numbered(config.name.replace(/ \d+$/, ""), taken) };
}
