// Where the lines of a chart go: a pure function from samples to places between 0 and 1.

import { BUCKET_MS, HOUR_MS, type Sample } from "./samples.svelte";

/** A place in the chart, from the left and from the bottom. */
export interface Place {
  x: number;
  y: number;
}

/** What a chart looks back on, in steps: a new window would otherwise show an hour of nothing. */
const SPANS_MS = [5 * 60_000, 15 * 60_000, HOUR_MS];

/** More than this between two samples is a time when nobody looked, and is left empty. */
export const GAP_MS = 4 * BUCKET_MS;

export function spanOf(lines: Sample[][]): number {
  const times = lines.flatMap((samples) => samples.map(({ at }) => at));
  const needed = times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
  return SPANS_MS.find((span) => span >= needed) ?? HOUR_MS;
}

/** A round number at or above the highest value, so that a line does not jump with each sample. */
export function roundTop(lines: Sample[][]): number {
  const highest = Math.max(1, ...lines.flatMap((samples) => samples.map(({ value }) => value)));
  const power = 2 ** Math.floor(Math.log2(highest));
  return [1, 1.5, 2].map((factor) => factor * power).find((top) => top >= highest) ?? highest;
}

/** The samples as runs without a gap. */
export function runs(samples: Sample[], now: number, span: number, top: number): Place[][] {
  const found: Place[][] = [];
  let before: Sample | null = null;
  for (const sample of samples) {
    if (sample.at < now - span) continue;
    const place = {
      x: 1 - (now - sample.at) / span,
      y: Math.min(1, Math.max(0, sample.value / top)),
    };
    if (before && sample.at - before.at <= GAP_MS) found.at(-1)?.push(place);
    else found.push([place]);
    before = sample;
  }
  return found;
}

/** The sample next to a place from the left; nothing where nobody looked. */
export function nearest(samples: Sample[], x: number, now: number, span: number): Sample | null {
  const at = now - (1 - x) * span;
  let best: Sample | null = null;
  for (const sample of samples) {
    if (!best || Math.abs(sample.at - at) < Math.abs(best.at - at)) best = sample;
  }
  return best && Math.abs(best.at - at) <= GAP_MS ? best : null;
}
