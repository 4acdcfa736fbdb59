// Events of one or many machines as rows of one list: made once when they arrive, then only filtered.

import type { AgentEvent, EventLevel, FleetEvent } from "../generated/ipc";
import type { Subject } from "./route.svelte";

/** A level to filter by; an event without one is a note. */
export type Level = EventLevel | "none";

export const levels: readonly Level[] = ["alert", "warn", "done", "info", "none"];

export interface EventRow {
  /** Tells it from every other, whichever way it came. */
  key: string;
  /** When it happened, in milliseconds; nothing if its time cannot be read. */
  at: number | null;
  /** When the hub heard of it; nothing of what this machine's own agent tells. */
  received: number | null;
  /** Its number on its machine: what happened in one moment is in its order. */
  id: number;
  machine: string;
  /** What the hub calls that machine; nothing of what this machine's own agent tells. */
  agent: string | null;
  monitor: string;
  level: Level;
  title: string;
  /** What the title does not say. */
  message: string;
  /** What belongs to it; `kind` says what happened. */
  data: Record<string, unknown>;
  /** What a search looks in, in the agent's words. */
  text: string;
}

export interface EventFilter {
  machine: string;
  monitor: string;
  level: Level | "";
  text: string;
}

export const noFilter: EventFilter = { machine: "", monitor: "", level: "", text: "" };

/** One line of the list: a day, or an event of it. Its key tells it from every other. */
export type Line = { key: string } & ({ kind: "day"; at: number | null } | { kind: "event"; row: EventRow });

/** What tells an event from every other, whichever way it came. */
export function keyOf({ machine, id, time }: Pick<AgentEvent, "machine" | "id" | "time">): string {
  return `${machine}\n${id}\n${time}`;
}

/** What has a page of its own that an event is about; nothing of what this machine's agent tells of itself. */
export function aboutOf({ agent, monitor }: Pick<EventRow, "agent" | "monitor">): Subject | null {
  // What the hub tells of a machine is about the machine.
  const isMonitor = monitor !== "" && monitor !== "taskpaw";
  return isMonitor || agent !== null ? { agent, monitor: isMonitor ? monitor : null } : null;
}

function rowOf(
  event: AgentEvent,
  at: number | null,
  received: number | null = null,
  agent: string | null = null,
): EventRow {
  const title = event.title || event.message;
  const message = event.title ? event.message : "";
  return {
    key: keyOf(event),
    at,
    received,
    id: event.id,
    machine: event.machine,
    agent,
    monitor: event.monitor,
    level: event.level ?? "none",
    title,
    message,
    data:
      typeof event.data === "object" && event.data !== null ? (event.data as Record<string, unknown>) : {},
    text: `${title}\n${message}\n${event.monitor}\n${event.machine}`.toLowerCase(),
  };
}

function timeOf(text: string): number | null {
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}

/** The events of this machine's own agent. */
export function rowsOfAgent(events: AgentEvent[]): EventRow[] {
  return events.map((event) => rowOf(event, timeOf(event.time)));
}

/** So late an event may come, as after a hub was away: of a time before that, the clock of its machine is wrong. */
const LATEST_MS = 31 * 24 * 3_600_000;

/**
 * The events that the hub has stored, at the time that their machine says. The hub's ages are on its own clock, which is this
 * machine's: nothing has happened after it was heard of, so that a clock which is ahead is set right by them.
 */
export function rowsOfFleet(events: FleetEvent[], now: number): EventRow[] {
  return events.map((event) => {
    const received = now - event.age_seconds * 1000;
    const own = timeOf(event.time);
    const isPossible = own !== null && own <= received && received - own < LATEST_MS;
    return rowOf(event, isPossible ? own : received, received, event.agent);
  });
}

/** A poll or two: what is heard of within them came at once. */
const AT_ONCE_MS = 120_000;

/** Whether the hub heard of it much later than it happened, as after the hub was away: then both times are said. */
export function cameLate({ at, received }: Pick<EventRow, "at" | "received">): boolean {
  return at !== null && received !== null && received - at > AT_ONCE_MS;
}

/** Known rows and fresh ones, the newest first. The same list again if nothing is new, so that nothing is drawn anew. */
export function merge(known: EventRow[], fresh: EventRow[], most: number): EventRow[] {
  const keys = keysOf.get(known) ?? new Set(known.map(({ key }) => key));
  const more: EventRow[] = [];
  for (const row of fresh) {
    if (keys.has(row.key)) continue;
    keys.add(row.key);
    more.push(row);
  }
  if (more.length === 0) return known;
  // Both are in order then: of ten thousand, none is compared that need not be.
  more.sort(newestFirst);
  const merged: EventRow[] = [];
  let at = 0;
  for (const row of more) {
    while (at < known.length && newestFirst(known[at]!, row) < 0) merged.push(known[at++]!);
    merged.push(row);
  }
  const all = merged.concat(known.slice(at));
  for (const { key } of all.splice(most)) keys.delete(key);
  keysOf.delete(known);
  keysOf.set(all, keys);
  return all;
}

/** The keys of a list, for the next one that follows it. */
const keysOf = new WeakMap<EventRow[], Set<string>>();

/** In one moment, the numbers of one machine tell the order. */
function newestFirst(a: EventRow, b: EventRow): number {
  return (b.at ?? 0) - (a.at ?? 0) || (a.machine === b.machine ? b.id - a.id : 0);
}

/** The rows that pass; `said` gives more for the search, in lower case. */
export function filterRows(
  rows: EventRow[],
  filter: EventFilter,
  said: (row: EventRow) => string = () => "",
): EventRow[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const { machine, monitor, level } = filter;
  const isFound = (text: string) => words.every((word) => text.includes(word));
  if (words.length === 0 && !machine && !monitor && !level) return rows;
  return rows.filter(
    (row) =>
      (!machine || row.machine === machine) &&
      (!monitor || row.monitor === monitor) &&
      (!level || row.level === level) &&
      (words.length === 0 || isFound(`${row.text}\n${said(row)}`)),
  );
}

function dayOf(at: number): { from: number; to: number } {
  const date = new Date(at);
  const [year, month, day] = [date.getFullYear(), date.getMonth(), date.getDate()];
  return { from: new Date(year, month, day).getTime(), to: new Date(year, month, day + 1).getTime() };
}

/** The rows with a line before each day. */
export function linesOf(rows: EventRow[]): Line[] {
  const lines: Line[] = [];
  /** From when to when the day of the line before lasts; nothing for a time that cannot be read. */
  let day: { from: number; to: number } | "unknown" | null = null;
  for (const row of rows) {
    const { at } = row;
    const isSame =
      at === null ? day === "unknown" : day !== null && day !== "unknown" && at >= day.from && at < day.to;
    if (!isSame) {
      lines.push({ key: `day\n${row.key}`, kind: "day", at });
      day = at === null ? "unknown" : dayOf(at);
    }
    lines.push({ key: row.key, kind: "event", row });
  }
  return lines;
}

/** What people call a machine: as in the fleet, if it is there under one name. */
export function machineNames(rows: EventRow[]): (machine: string) => string {
  const names = new Map<string, string | null>();
  for (const { machine, agent } of rows) {
    if (agent === null) continue;
    const known = names.get(machine);
    if (known === undefined) names.set(machine, agent);
    else if (known !== agent) names.set(machine, null);
  }
  return (machine) => names.get(machine) ?? machine;
}

/** What there is to choose from, in order. */
export function choices(rows: EventRow[], of: "machine" | "monitor"): string[] {
  return [...new Set(rows.map((row) => row[of]))].filter(Boolean).sort((a, b) => a.localeCompare(b));
}
