// How something was, in words: a state that was, a number with its unit, a time on an axis.

import { t } from "../locales/language.svelte";
import type { Piece, Was } from "../state/band";
import type { Tone } from "./tone";
import { monitorTone } from "./tone";
import { bytesText, clockMinute, dateTime, lasting, milliseconds, number, uptime } from "./numbers";

export function wasTone(was: Was): Tone {
  return was === "unwatched" || was === "unknown_before" ? "quiet" : monitorTone[was];
}

export function wasWord(was: Was): string {
  if (was === "unwatched" || was === "unknown_before") return t(`history.${was}`);
  return t(`monitor_state.${was}`);
}

/** From when to when, and how it was. */
export function pieceText({ from, to, was }: Piece): string {
  return t("history.piece", {
    state: wasWord(was),
    from: dateTime(from),
    to: dateTime(to),
    duration: lasting((to - from) / 1000),
  });
}

/** What a number is called that has a name; its key where it has none. */
export function seriesName(key: string): string {
  switch (key) {
    case "cpu_percent":
      return t("metric.cpu");
    case "memory_used_bytes":
      return t("metric.memory");
    case "disk_used_bytes":
      return t("metric.disk");
    case "gpu_percent":
      return t("metric.gpu");
    case "network_rx_bytes_per_s":
      return t("metric.received");
    case "network_tx_bytes_per_s":
      return t("metric.sent");
    case "swap_used_bytes":
    case "load_1m":
    case "connect_ms":
    case "response_ms":
    case "duration_ms":
    case "progress_percent":
    case "exit_status":
    case "status":
    case "lines":
    case "age_seconds":
    case "queue_running":
    case "queue_pending":
      return t(`history.key_${key}`);
    default:
      // A number of a later version, or of another's program.
      return key.replaceAll("_", " ");
  }
}

/** A number as its key says it is meant. */
export function seriesValue(key: string, value: number): string {
  if (key.endsWith("_bytes_per_s")) return `${bytesText(value)}/s`;
  if (key.endsWith("_bytes")) return bytesText(value);
  if (key.endsWith("_percent")) return `${number(value, value < 9.95 ? 1 : 0)}%`;
  if (key.endsWith("_ms")) return milliseconds(value);
  if (key.endsWith("_seconds")) return value < 60 ? lasting(value) : uptime(value);
  return number(value, Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : 2);
}

/** Totals are the upper edge of what they are the total of, and no line of their own. */
export function topOf(key: string, highest: number, total: number | null): number {
  if (key.endsWith("_percent")) return Math.max(100, highest);
  if (total !== null && total >= highest) return total;
  if (highest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((factor) => factor * power).find((top) => top >= highest) ?? highest;
}

/** A time on an axis: a day has hours, a week has days too. */
export function axisTime(at: number, width: number): string {
  return width > 30 * 3_600_000 ? dateTime(at) : clockMinute(at);
}
