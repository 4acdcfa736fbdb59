// The lines of a log that somebody wants to see: from a level up, and with some text in them.

import type { LogLevel, LogLine } from "../generated/ipc";

/** From the least to the most. */
export const logLevels: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

/** A line without a level, such as the second one of a message, goes with the line before it. */
export function filterLog(lines: LogLine[], from: LogLevel, text: string): LogLine[] {
  const least = logLevels.indexOf(from);
  const wanted = text.trim().toLowerCase();
  let level: LogLevel = "info";
  return lines.filter((line) => {
    level = line.level ?? level;
    return logLevels.indexOf(level) >= least && (!wanted || line.text.toLowerCase().includes(wanted));
  });
}

/** What a line of the backend begins with: when, how much it matters, and the module that wrote it. */
const head = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)\s+([A-Z]+)\s+(?:[\w:]+: )?/;

/** A line as a person reads it: at this machine's time, without the name of a module. */
export function readable(text: string, time: (at: number) => string): string {
  return text.replace(head, (whole, at: string, level: string) => {
    const moment = Date.parse(at);
    return Number.isNaN(moment) ? whole : `${time(moment)}  ${level}  `;
  });
}

/** As many lines as the host keeps. */
export const LINES = 1000;

/** The lines with those that have come since: each once, and no more than are kept. */
export function followedBy(lines: LogLine[], more: LogLine[]): LogLine[] {
  const last = lines.at(-1)?.number ?? 0;
  const fresh = more.filter(({ number }) => number > last);
  return fresh.length === 0 ? lines : [...lines, ...fresh].slice(-LINES);
}
