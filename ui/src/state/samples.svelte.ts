// The numbers of this machine over the last hour, for the charts: what the agent has kept, and what came since.

import type { AgentStatus, MetricSample, MonitorStatus } from "../generated/ipc";

/** The monitor of the machine itself: its kind, and its name, since every agent has one without being told to. */
export const HOST_METRICS = "host_metrics";

/** The keys of its numbers; any may be missing. */
export const metricKeys = [
  "cpu_percent",
  "memory_used_bytes",
  "memory_total_bytes",
  "disk_used_bytes",
  "disk_total_bytes",
  "network_rx_bytes_per_s",
  "network_tx_bytes_per_s",
  "load_1m",
  "uptime_seconds",
  "gpu_percent",
] as const;

export type MetricKey = (typeof metricKeys)[number];

export type Metrics = Partial<Record<MetricKey, number>>;

/** A value with its time in milliseconds. */
export interface Sample {
  at: number;
  value: number;
}

/** How far back the charts look. */
export const HOUR_MS = 60 * 60_000;
/** One point of a chart: an hour of them is no more than a chart has pixels. */
export const BUCKET_MS = 10_000;

export function hostMetricsOf(status: AgentStatus | null): MonitorStatus | null {
  return Object.values(status?.monitors ?? {}).find((monitor) => monitor.type_id === HOST_METRICS) ?? null;
}

/** The numbers that are there; whatever is no number counts as missing. */
export function metricsOf(monitor: Pick<MonitorStatus, "metrics"> | null): Metrics {
  const metrics: Metrics = {};
  for (const key of metricKeys) {
    const value = monitor?.metrics[key];
    if (typeof value === "number" && Number.isFinite(value)) metrics[key] = value;
  }
  const gpu = busiestGpu(monitor?.metrics["gpus"]);
  if (gpu !== null) metrics.gpu_percent = gpu;
  return metrics;
}

/** How much of a machine is in use, from 0 to 1, whichever version of its agent says it. What is not said is missing. */
export function sharesOf(monitor: Pick<MonitorStatus, "metrics"> | null): {
  cpu?: number;
  memory?: number;
  disk?: number;
} {
  const metrics = metricsOf(monitor);
  const shares: { cpu?: number; memory?: number; disk?: number } = {};
  const add = (key: "cpu" | "memory" | "disk", share: number | null, ofV3: string) => {
    const percent = monitor?.metrics[ofV3];
    if (share !== null) shares[key] = share;
    else if (typeof percent === "number" && Number.isFinite(percent)) shares[key] = percent / 100;
  };
  add("cpu", part(metrics.cpu_percent, 100), "cpu_pct");
  add("memory", part(metrics.memory_used_bytes, metrics.memory_total_bytes), "mem_pct");
  add("disk", part(metrics.disk_used_bytes, metrics.disk_total_bytes), "disk_pct");
  return shares;
}

function part(amount: number | undefined, total: number | undefined): number | null {
  return amount === undefined || !total ? null : amount / total;
}

/** Of several graphics cards, the one that has the most to do. */
function busiestGpu(gpus: unknown): number | null {
  if (!Array.isArray(gpus)) return null;
  const shares = gpus.flatMap((gpu: unknown) => {
    const share = (gpu as { utilization_percent?: unknown } | null)?.utilization_percent;
    return typeof share === "number" && Number.isFinite(share) ? [share] : [];
  });
  return shares.length > 0 ? Math.max(...shares) : null;
}

interface Bucket {
  at: number;
  count: number;
  metrics: Metrics;
}

/** Of a bucket and one more measurement, the means. */
function mean({ at, count, metrics }: Bucket, more: Metrics): Bucket {
  const means: Metrics = { ...more };
  for (const key of metricKeys) {
    const before = metrics[key];
    const now = more[key];
    if (before !== undefined && now !== undefined) means[key] = (before * count + now) / (count + 1);
  }
  return { at, count: count + 1, metrics: means };
}

export class Samples {
  #kept = $state.raw<Bucket[]>([]);

  add(at: number, metrics: Metrics): void {
    const start = Math.floor(at / BUCKET_MS) * BUCKET_MS;
    const last = this.#kept.at(-1);
    if (last && last.at === start) {
      this.#kept = [...this.#kept.slice(0, -1), mean(last, metrics)];
      return;
    }
    // A clock that was set back would draw a line to the right of now.
    const kept = this.#kept.filter((bucket) => bucket.at > at - HOUR_MS && bucket.at < start);
    this.#kept = [...kept, { at: start, count: 1, metrics }];
  }

  /** Takes in what the agent has kept; what is known from before it started stays. */
  fill(samples: MetricSample[]): void {
    const told = samples.map((sample) => ({
      at: Math.floor(sample.at / BUCKET_MS) * BUCKET_MS,
      count: 1,
      metrics: metricsOf(sample),
    }));
    const starts = told.map(({ at }) => at);
    const known = this.#kept.filter(({ at }) => !starts.includes(at));
    const kept = [...known, ...told].sort((a, b) => a.at - b.at);
    const newest = kept.at(-1)?.at ?? 0;
    this.#kept = kept.filter(({ at }) => at > newest - HOUR_MS);
  }

  of(key: MetricKey): Sample[] {
    return this.#kept.flatMap(({ at, metrics }) => {
      const value = metrics[key];
      return value === undefined ? [] : [{ at, value }];
    });
  }
}
