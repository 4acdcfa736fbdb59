// A monitor in words: what it is called, and what it has found last.

import type { MonitorState, MonitorStatus } from "../generated/ipc";
import { language, t } from "../locales/language.svelte";
import { HOST_METRICS, metricsOf } from "../state/samples.svelte";
import { lasting, list, milliseconds, number } from "./numbers";
import { saidByAgent } from "./said";

/** What the agent calls itself in its own events. */
const AGENT_ITSELF = "taskpaw";

/** What people call it. Nobody gave a name to what is always watched: it is called as its kind, whose id is no word. */
export function monitorName(name: string): string {
  if (name === HOST_METRICS) return t("monitor_type.host_metrics");
  return name === AGENT_ITSELF ? t("role.Agent") : name;
}

/** Whether what it watches is not as it should be. */
export function isBroken(state: MonitorState): boolean {
  return state === "error" || state === "degraded";
}

/**
 * What it has found last. The agent says it in English, and more exactly than its numbers do: in another language the
 * sentence is made from them, and the agent's own words are there where it has no number for what is wrong.
 */
export function monitorDetail(status: MonitorStatus): string {
  const { type_id, state, detail } = status;
  // The agent writes "57 %", as TaskPaw 3 did; in English nothing stands between.
  if (language() === "en") return isSaidByBar(status) ? "" : detail.replace(/(\d) %/g, "$1%");
  const said = sentences[type_id]?.(status) ?? null;
  const words = saidByAgent(detail);
  // What is known of the agent's words says it more exactly than the numbers do.
  if (said === null || (isBroken(state) && words !== detail)) return words;
  return !isBroken(state) || type_id === HOST_METRICS || !detail ? said : `${said} · ${detail}`;
}

/** A share that a bar shows, and nothing else. */
function isSaidByBar({ type_id, work, detail }: MonitorStatus): boolean {
  return type_id === "log_pattern" && work?.percent != null && /^\d+(\.\d+)? ?%$/.test(detail);
}

/** For each kind its sentence; nothing where the numbers do not say it. */
const sentences: Record<string, (status: MonitorStatus) => string | null> = {
  host_metrics: hostMetrics,
  process,
  task,
  tcp_check: tcpCheck,
  http_check: httpCheck,
  folder,
  log_pattern: logPattern,
  state_file: stateFile,
  heartbeat,
  comfyui,
  dev_activity: devActivity,
};

function numberAt({ metrics }: MonitorStatus, key: string): number | null {
  const value = metrics[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A broken monitor keeps the numbers of its last good look, which then say nothing about now. */
function isStale(state: MonitorState, isWell: boolean): boolean {
  return isWell && state === "error";
}

function hostMetrics(status: MonitorStatus): string | null {
  if (status.state === "error") return null;
  const metrics = metricsOf(status);
  const of = (used: number | undefined, total: number | undefined) =>
    used === undefined || !total ? undefined : (used * 100) / total;
  const shares: [string, number | undefined][] = [
    [t("metric.cpu"), metrics.cpu_percent],
    [t("metric.memory"), of(metrics.memory_used_bytes, metrics.memory_total_bytes)],
    [t("metric.disk"), of(metrics.disk_used_bytes, metrics.disk_total_bytes)],
  ];
  const known = shares.flatMap(([name, share]) =>
    share === undefined ? [] : t("monitor_detail.share", { name, percent: number(share) }),
  );
  return known.length > 0 ? list(known) : null;
}

function process(status: MonitorStatus): string | null {
  const processes = numberAt(status, "processes");
  if (processes === null || isStale(status.state, processes > 0)) return null;
  if (processes === 0) return t("monitor_detail.process_none");
  const duration = lasting(numberAt(status, "running_seconds") ?? 0);
  return t("monitor_detail.process_runs", { processes: number(processes), duration });
}

function task(status: MonitorStatus): string | null {
  const running = numberAt(status, "running_seconds");
  const took = numberAt(status, "last_run_seconds");
  if (status.state === "running" && running !== null)
    return t("monitor_detail.task_runs", { duration: lasting(running) });
  if (status.state !== "idle") return null;
  if (took === null) return t("monitor_detail.task_none");
  const exit = numberAt(status, "last_exit_status");
  const duration = lasting(took);
  return exit === null
    ? t("monitor_detail.task_done", { duration })
    : t("monitor_detail.task_exit", { duration, status: exit });
}

function tcpCheck(status: MonitorStatus): string | null {
  const isListening = status.metrics["listening"];
  if (typeof isListening !== "boolean" || isStale(status.state, isListening)) return null;
  if (!isListening) return t("monitor_detail.tcp_silent");
  return t("monitor_detail.tcp_accepts", { duration: milliseconds(numberAt(status, "connect_ms") ?? 0) });
}

function httpCheck(status: MonitorStatus): string | null {
  const answer = numberAt(status, "status");
  if (answer === null) return "status" in status.metrics ? t("monitor_detail.http_silent") : null;
  const duration = milliseconds(numberAt(status, "response_ms") ?? 0);
  return t("monitor_detail.http_answers", { status: answer, duration });
}

function folder(status: MonitorStatus): string | null {
  const arriving = numberAt(status, "arriving");
  const completed = numberAt(status, "completed");
  if (status.state === "error" || arriving === null || completed === null) return null;
  if (arriving > 0) return t("monitor_detail.folder_arriving", { files: number(arriving) });
  if (completed > 0) return t("monitor_detail.folder_completed", { files: number(completed) });
  return t("monitor_detail.folder_none");
}

function logPattern(status: MonitorStatus): string | null {
  const percent = numberAt(status, "progress_percent");
  if (status.state === "running" && percent !== null)
    // What a bar shows need not be said again.
    return status.work?.percent != null ? "" : t("monitor_detail.progress", { percent: number(percent) });
  if (status.state === "ok") return t("monitor_detail.log_silent");
  // A file that went away looks like work that has finished, unless there was none at all.
  return status.state === "idle" && numberAt(status, "lines") === 0 ? t("monitor_detail.no_file") : null;
}

function stateFile(status: MonitorStatus): string | null {
  const word = status.metrics["word"];
  if (typeof word !== "string") return null;
  const busy = numberAt(status, "busy_seconds");
  const age = numberAt(status, "age_seconds");
  const said = word === "" ? t("monitor_detail.no_file") : word;
  const sentence = busy === null ? said : t("monitor_detail.state_for", { word, duration: lasting(busy) });
  if (status.state !== "degraded" || age === null) return sentence;
  return t("monitor_detail.state_old", { said: sentence, duration: lasting(age) });
}

function heartbeat(status: MonitorStatus): string | null {
  const age = numberAt(status, "age_seconds");
  if (age !== null) return t("monitor_detail.written", { duration: lasting(age) });
  return "age_seconds" in status.metrics ? t("monitor_detail.no_file") : null;
}

function comfyui(status: MonitorStatus): string | null {
  const running = numberAt(status, "running");
  const pending = numberAt(status, "pending");
  // Where the server did not answer the numbers are of another look.
  if (running === null || pending === null || (status.state === "error" && running + pending === 0))
    return null;
  if (running + pending === 0) return t("monitor_detail.queue_empty");
  const percent = numberAt(status, "progress_percent");
  const queue = { running: number(running), pending: number(pending) };
  return percent === null
    ? t("monitor_detail.queue", queue)
    : t("monitor_detail.queue_progress", { ...queue, percent: number(percent) });
}

function devActivity({ metrics }: MonitorStatus): string | null {
  const tools = Array.isArray(metrics["tools"]) ? (metrics["tools"] as Record<string, unknown>[]) : [];
  const those = (state: string) =>
    list(
      tools.flatMap(({ tool, state: said }) => (said === state && typeof tool === "string" ? [tool] : [])),
    );
  switch (metrics["ai_state"]) {
    case "busy":
      return t("monitor_detail.assistants_busy", { tools: those("busy") });
    case "waiting":
      return t("monitor_detail.assistants_waiting", { tools: those("waiting") });
    case "idle":
    case "present_only":
    case "none":
      return t(`monitor_detail.assistants_${metrics["ai_state"]}`);
    default:
      return null;
  }
}

/** So many letters of a name fit before the words that say what happened. */
const LONGEST_IN_TITLE = 44;

/** A name in a title that has more to say: of a very long one the beginning and the end. */
export function nameInTitle(name: string): string {
  const letters = [...name];
  if (letters.length <= LONGEST_IN_TITLE) return name;
  return `${letters.slice(0, 30).join("").trimEnd()}…${letters.slice(-12).join("").trimStart()}`;
}
