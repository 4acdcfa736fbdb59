// Numbers, sizes and times as people read them, in the language that is spoken.

import { language, t } from "../locales/language.svelte";

/** English as the system's region writes it, 14:05 or 2:05 PM; Chinese is the simplified one everywhere. */
function locale(): string {
  if (language() !== "en") return language();
  return navigator.languages.find((own) => /^en\b/i.test(own)) ?? "en";
}

// Making a formatter takes longer than using it a hundred times, and a list needs one for each line.
const formatters = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function cached<T extends Intl.NumberFormat | Intl.DateTimeFormat>(
  what: string,
  make: (locale: string) => T,
): T {
  const spoken = locale();
  const key = `${spoken} ${what}`;
  const known = formatters.get(key) ?? make(spoken);
  formatters.set(key, known);
  // A name belongs to one kind of formatter.
  return known as T;
}

export function number(value: number, digits = 0): string {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return cached(`number ${digits}`, (locale) => new Intl.NumberFormat(locale, options)).format(value);
}

export interface Quantity {
  value: string;
  unit: string;
}

const sizes = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Bytes in the unit that keeps the number short. */
export function bytes(value: number): Quantity {
  let size = Math.max(0, value);
  let step = 0;
  while (size >= 1000 && step < sizes.length - 1) {
    size /= 1024;
    step += 1;
  }
  return { value: number(size, step === 0 || size >= 100 ? 0 : 1), unit: sizes[step] ?? "B" };
}

export function bytesText(value: number): string {
  const { value: shown, unit } = bytes(value);
  return `${shown} ${unit}`;
}

/** A short duration, as in "ready in 180 ms". */
export function milliseconds(ms: number): string {
  if (ms >= 999.5) return t("duration.s", { value: number(ms / 1000, ms < 9_950 ? 1 : 0) });
  // A tenth is worth showing only where there is one.
  const tenths = ms < 9.95 && Math.abs(ms - Math.round(ms)) >= 0.05;
  return t("duration.ms", { value: number(ms, tenths ? 1 : 0) });
}

/** A countdown: whole seconds, rounded up, so that it does not say 0 while it still waits; a long one in minutes. */
export function seconds(ms: number): string {
  const left = Math.max(0, Math.ceil(ms / 1000));
  if (left < 120) return t("duration.s", { value: number(left) });
  return t("duration.minutes", { minutes: number(Math.ceil(left / 60)) });
}

/** How long something has been running, in at most two units. */
export function uptime(total: number): string {
  const minutes = Math.floor(total / 60);
  const hours = Math.floor(minutes / 60);
  const days = number(Math.floor(hours / 24));
  if (hours >= 24)
    return hours % 24 > 0
      ? t("duration.days_hours", { days, hours: hours % 24 })
      : t("duration.days", { days });
  if (hours > 0)
    return minutes % 60 > 0
      ? t("duration.hours_minutes", { hours, minutes: minutes % 60 })
      : t("duration.hours", { hours });
  return t("duration.minutes", { minutes });
}

function dates(what: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return cached(what, (locale) => new Intl.DateTimeFormat(locale, options));
}

/** How long something took or goes on: seconds, or what is worth knowing of more. */
export function lasting(seconds: number): string {
  return seconds < 60 ? t("duration.s", { value: number(Math.floor(seconds)) }) : uptime(seconds);
}

/** The same without seconds, for an axis. */
export function clockMinute(at: number | Date): string {
  return dates("minute", { timeStyle: "short" }).format(at);
}

export function clockTime(at: number | Date): string {
  return dates("time", { timeStyle: "medium" }).format(at);
}

export interface Moment {
  time: string;
  /** How long ago; nothing for what is older than half a day, which stands below its day. */
  past: string | null;
}

/** A moment as a list has it: "8:46 AM", and beside or below it "12 min ago". */
export function moment(at: number, now: number): Moment {
  const time = dates("short", { timeStyle: "short" }).format(at);
  const past = Math.max(0, now - at);
  return { time, past: past >= 12 * 3_600_000 ? null : ago(past, 60_000) };
}

/** A day as a heading: the last two by the words for them. */
export function day(at: number | Date, now = Date.now()): string {
  const start = (of: number | Date) => new Date(of).setHours(0, 0, 0, 0);
  const written = dates("day", { dateStyle: "full" }).format(at);
  // A day is not always 24 hours long.
  const days = Math.round((start(now) - start(at)) / 86_400_000);
  if (days !== 0 && days !== 1) return written;
  return `${t(days === 0 ? "events.today" : "events.yesterday")} · ${written}`;
}

/** A moment of a log: the time alone on the day itself, to the second. */
export function logTime(at: number): string {
  return new Date(at).toDateString() === new Date().toDateString() ? clockTime(at) : dateTime(at);
}

export function dateTime(at: number | Date): string {
  return dates("both", { dateStyle: "medium", timeStyle: "medium" }).format(at);
}

/** "12 s ago", in the unit that is enough; what is shorter than `least` was just now. */
export function ago(ms: number, least = 1000): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds * 1000 < least) return t("duration.just_now");
  return t("duration.ago", { duration: lasting(seconds) });
}

/** A phrase that stands by itself begins as a sentence does. */
export function asSentence(phrase: string): string {
  const [first = "", ...rest] = phrase;
  return first.toLocaleUpperCase() + rest.join("");
}

/** Sentences one after another; Chinese puts no space between them. */
export function sentences(...texts: string[]): string {
  return texts.join(language() === "zh-CN" ? "" : " ");
}

/** Things in a row: "a, b and c". */
export function list(items: string[]): string {
  if (language() === "zh-CN") return items.join("、");
  return new Intl.ListFormat("en-GB", { type: "conjunction" }).format(items);
}
