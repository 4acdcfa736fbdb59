// What a fake agent has kept of a day or a week: the same each time, with a night in which nobody watched.

import type {
  HistoryAnswer,
  HistoryRange,
  MetricSeries,
  MonitorState,
  StateSince,
} from "../../generated/ipc";
import { HOST_METRICS } from "../../state/samples.svelte";
import type { World } from "./host";

const HOUR_MS = 3_600_000;

/** From 0 to 1, the same for the same arguments. */
function noise(seed: number, place: number): number {
  const wave = Math.sin(seed * 12.9898 + place * 78.233) * 43_758.5453;
  return wave - Math.floor(wave);
}

function seedOf(name: string): number {
  return [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 997, 7);
}

/** Whether nobody watched: the machine slept for five hours of its second night, and once for a moment. */
function isAsleep(at: number, now: number): boolean {
  const ago = now - at;
  return (ago > 31 * HOUR_MS && ago < 36 * HOUR_MS) || (ago > 9 * HOUR_MS && ago < 9.4 * HOUR_MS);
}

function series(
  key: string,
  value: (at: number, place: number) => number,
  frame: { from: number; step: number; count: number; now: number },
): MetricSeries {
  const at = (place: number) => frame.from + place * frame.step;
  const mean = Array.from({ length: frame.count }, (_, place) =>
    isAsleep(at(place), frame.now) || at(place) > frame.now ? null : value(at(place), place),
  );
  const isWeek = frame.step > 60_000;
  const beside = (factor: number) =>
    isWeek ? mean.map((mean, place) => mean && mean * (1 + factor * (0.15 + 0.3 * noise(3, place)))) : [];
  return { key, mean, low: beside(-1), high: beside(1) };
}

function statesOf(name: string, state: MonitorState, now: number): StateSince[] {
  const seed = seedOf(name);
  const broken: MonitorState = seed % 2 ? "error" : "degraded";
  const usual: MonitorState = state === "running" ? "idle" : "ok";
  const states: StateSince[] = [{ at: now - 7 * 24 * HOUR_MS, state: usual }];
  for (let hour = 160; hour > 1; hour -= 5 + Math.floor(40 * noise(seed, hour))) {
    states.push({ at: now - hour * HOUR_MS, state: name === HOST_METRICS ? "degraded" : broken });
    states.push({ at: now - (hour - 0.2 - noise(seed, hour + 1)) * HOUR_MS, state: usual });
  }
  for (const [gone, back] of [
    [36, 31],
    [9.4, 9],
  ] as const) {
    states.push({ at: now - gone * HOUR_MS, state: null }, { at: now - back * HOUR_MS, state: usual });
  }
  states.push({ at: now - 0.6 * HOUR_MS, state });
  return states.sort((one, other) => one.at - other.at);
}

export function past(
  world: World,
  agent: string | null,
  monitor: string | null,
  range: HistoryRange,
): HistoryAnswer {
  const machine = world.fleet.agents.find(({ name }) => name === agent);
  if (agent !== null && (!machine || !machine.online || !machine.enabled))
    return { kind: "failed", code: "unreachable", message: "the agent cannot be reached" };
  const status = machine ? machine.status : world.status();
  // An agent of TaskPaw V3 has other keys, and keeps nothing.
  if (!status || (machine && "cpu_pct" in (status.monitors[HOST_METRICS]?.metrics ?? {})))
    return { kind: "too_old" };
  const now = Date.now();
  const step = range === "day" ? 60_000 : 600_000;
  const count = range === "day" ? 1_440 : 1_008;
  const frame = { from: now - (now % step) + step - count * step, step, count, now };
  const names = monitor === null ? Object.keys(status.monitors) : [monitor];
  const numbers = (name: string): MetricSeries[] => {
    if (name !== (monitor ?? HOST_METRICS)) return [];
    const known = status.monitors[name];
    return Object.entries(known?.metrics ?? {}).flatMap(([key, value]) => {
      if (typeof value !== "number" || key === "uptime_seconds") return [];
      const seed = seedOf(key);
      const isTotal = key.endsWith("_total_bytes");
      const wave = (at: number, place: number) =>
        value * (isTotal ? 1 : 0.7 + 0.25 * Math.sin(at / (seed * 200_000)) + 0.2 * noise(seed, place));
      return [series(key, wave, frame)];
    });
  };
  const monitors = names.map((name) => ({
    name,
    states: statesOf(name, status.monitors[name]?.state ?? "ok", now).filter(
      ({ at }, place, all) => at >= frame.from || (all[place + 1]?.at ?? now) > frame.from,
    ),
    series: numbers(name),
  }));
  return { kind: "history", history: { now, from: frame.from, step_seconds: step / 1000, monitors } };
}
