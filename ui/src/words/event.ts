// An event in words. The agent writes it in English; where it says what kind it is, the sentence is made here.

import type { EventKind, PollErrorCode } from "../generated/ipc";
import { en } from "../locales/en";
import { language, t } from "../locales/language.svelte";
import type { EventRow } from "../state/events";
import { monitorName, nameInTitle } from "./monitor";
import { bytesText, dateTime, lasting, number } from "./numbers";
import { saidByAgent } from "./said";

/** A short form, and what that does not say; without a text of its own the agent's words stay. */
interface Said {
  title: string;
  message?: string;
}

/** What an event is about. Another version may send less. */
class Facts {
  readonly name: string;
  readonly #data: Record<string, unknown>;

  constructor(row: EventRow) {
    this.name = nameInTitle(monitorName(row.monitor));
    this.#data = row.data;
  }

  text(key: string): string {
    const value = this.#data[key];
    return typeof value === "string" ? value : "";
  }

  number(key: string): number {
    const value = this.#data[key];
    return typeof value === "number" && Number.isFinite(value) ? value : 0;
  }

  /** A word of a file; none if the file is not there. */
  word(key: string): string {
    return this.text(key) || t("event.no_file");
  }

  /** Why a machine does not answer its hub. */
  get cause(): PollErrorCode | null {
    const cause = this.text("cause");
    return cause in en.poll_error ? (cause as PollErrorCode) : null;
  }

  get duration(): string {
    return lasting(this.number("seconds"));
  }

  /** A share of the machine: what it is of, and how much. */
  get share(): { metric: string; percent: string } {
    const metrics = { cpu: t("metric.cpu"), memory: t("metric.memory"), disk: t("metric.disk") };
    const metric = metrics[this.text("metric") as keyof typeof metrics] ?? this.text("metric");
    return { metric, percent: number(this.number("percent")) };
  }
}

/** Each cause is another thing for a person to do. */
function awayTitle(cause: PollErrorCode | null, name: string): string {
  switch (cause) {
    case "unauthorized":
      return t("event.machine_refuses", { name });
    case "status":
    case "no_agent":
      return t("event.machine_answers_badly", { name });
    case "too_old":
      return t("event.machine_too_old", { name });
    default:
      return t("event.machine_offline", { name });
  }
}

const sentences: Record<EventKind, (facts: Facts) => Said> = {
  started: (facts) => ({
    title: t("event.started"),
    message: t("event.started_text", { version: facts.text("version") }),
  }),
  down: ({ name }) => ({ title: t("event.down", { name }) }),
  up: ({ name }) => ({ title: t("event.up", { name }) }),
  error_line: ({ name }) => ({ title: t("event.error_line", { name }) }),
  calm: ({ name }) => ({ title: t("event.calm", { name }) }),
  work_done: ({ name }) => ({ title: t("event.work_done", { name }) }),
  unreadable: ({ name }) => ({ title: t("event.unreadable", { name }) }),
  readable: ({ name }) => ({ title: t("event.readable", { name }), message: t("event.readable_text") }),
  file_complete: (facts) => {
    const file = facts.text("file");
    return {
      title: t("event.file_complete", { name: facts.name, file }),
      message: t("event.file_complete_text", { file, size: bytesText(facts.number("bytes")) }),
    };
  },
  word_changed: (facts) => ({
    title: t("event.word_changed", { name: facts.name, word: facts.word("to") }),
    message: t("event.word_changed_text", { from: facts.word("from"), to: facts.word("to") }),
  }),
  busy_too_long: (facts) => ({
    title: t("event.busy_too_long", { name: facts.name }),
    message: t("event.busy_too_long_text", { duration: facts.duration }),
  }),
  stale: (facts) => ({
    title: t("event.stale", { name: facts.name }),
    message: t("event.stale_text", { duration: facts.duration }),
  }),
  fresh: ({ name }) => ({ title: t("event.fresh", { name }), message: t("event.fresh_text") }),
  high: ({ share }) => ({ title: t("event.high", share), message: t("event.high_text", share) }),
  normal: ({ share }) => ({ title: t("event.normal", share), message: t("event.normal_text", share) }),
  task_done: (facts) => ({
    title: t("event.task_done", { name: facts.name }),
    message: t("event.task_done_text", { program: facts.text("program"), duration: facts.duration }),
  }),
  task_failed: (facts) => ({
    title: t("event.task_failed", { name: facts.name }),
    message: t("event.task_failed_text", {
      program: facts.text("program"),
      duration: facts.duration,
      status: facts.number("exit_status"),
    }),
  }),
  stuck: ({ name }) => ({ title: t("event.stuck", { name }) }),
  unstuck: ({ name }) => ({ title: t("event.unstuck", { name }), message: t("event.unstuck_text") }),
  assistant_busy: (facts) => ({
    title: t("event.assistant_busy", { name: facts.name }),
    message: t("event.assistant_busy_text", { tools: facts.text("tools") }),
  }),
  assistant_waits: (facts) => ({
    title: t("event.assistant_waits", { name: facts.name }),
    message: t("event.assistant_waits_text", { tools: facts.text("tools") }),
  }),
  assistant_idle: ({ name }) => ({
    title: t("event.assistant_idle", { name }),
    message: t("event.assistant_idle_text"),
  }),
  monitor_failed: ({ name }) => ({ title: t("event.monitor_failed", { name }) }),
  monitor_works: ({ name }) => ({ title: t("event.monitor_works", { name }), message: "" }),
  left_out: (facts) => ({
    title: t("event.left_out", { name: facts.name }),
    message: t("event.left_out_text", { count: number(facts.number("count")) }),
  }),
  machine_offline: (facts) => {
    const name = facts.text("agent");
    const cause = facts.cause;
    return { title: awayTitle(cause, name), ...(cause && { message: t(`poll_error.${cause}`) }) };
  },
  machine_online: (facts) => ({
    title: t("event.machine_online", { name: facts.text("agent") }),
    message:
      facts.number("seconds") > 0
        ? t("event.machine_online_after", { duration: facts.duration })
        : t("event.machine_online_text"),
  }),
};

/** Whose message is the agent's own word for a cause; that of others is a line of a log, or a name. */
const causes = new Set<EventKind>(["down", "unreadable", "monitor_failed", "stuck"]);

function kindOf({ data: { kind } }: EventRow): EventKind | null {
  return typeof kind === "string" && Object.hasOwn(sentences, kind) ? (kind as EventKind) : null;
}
/** Every kind that the window has words for: all there are. */
export const eventKinds = Object.keys(sentences) as EventKind[];

/** What happened, in the language that is spoken. */
export function eventWords(row: EventRow): { title: string; message: string } {
  const kind = kindOf(row);
  const message = kind && causes.has(kind) ? saidByAgent(row.message) : row.message;
  return { message, ...(kind ? sentences[kind](new Facts(row)) : { title: row.title }) };
}

/** What tells that something is as it should be again. */
const recoveries = new Set<EventKind>([
  "up",
  "calm",
  "readable",
  "fresh",
  "normal",
  "unstuck",
  "monitor_works",
  "machine_online",
]);

/** How much it matters, in a word: what is well again is no work that is done. */
export function levelWord(row: EventRow): string {
  const kind = kindOf(row);
  if (row.level === "done" && kind && recoveries.has(kind)) return t("events.recovered");
  return t(`events.level_${row.level}`);
}

/** Where it was, for below its title: nothing that the title has already. `machine` is what that is called; empty: not said. */
export function whereWords(row: EventRow, machine = ""): string[] {
  const { title } = eventWords(row);
  const monitor = monitorName(row.monitor);
  return [machine, title.includes(monitor) ? "" : monitor].filter(Boolean);
}

/** All that a list says of an event, on one line, to give it to somebody else. */
export function eventLine(row: EventRow, machine = row.machine): string {
  const { title, message } = eventWords(row);
  const when = row.at === null ? "" : dateTime(row.at);
  return [when, machine, monitorName(row.monitor), title, message].filter(Boolean).join(" · ");
}

const searched = new Map<string, string>();

/** What a search finds an event by beside the agent's own words, which have its names and numbers. It is asked for thousands. */
export function searchWords(row: EventRow): string {
  const kind = kindOf(row);
  if (!kind) return "";
  const key = `${language()} ${kind}`;
  let words = searched.get(key);
  if (words === undefined) {
    const { title, message } = sentences[kind](new Facts({ ...row, monitor: "", data: {} }));
    words = `${title}\n${message ?? ""}`.toLowerCase();
    searched.set(key, words);
  }
  return words;
}
