// The numbers of this machine since the window was opened, for the sparklines.

import type { AgentStatus, MonitorStatus } from "../generated/ipc";

/** The keys of the monitor `host_metrics`; any may be missing. */
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
] as const;

export type MetricKey = (typeof metricKeys)[number];

export type Metrics = Partial<Record<MetricKey, number>>;

/** A value with its time in milliseconds. */
export interface Sample {
  at: number;
  value: number;
}

/** How far back a sparkline looks. */
export const WINDOW_MS = 3 * 60_000;

export function hostMetricsOf(status: AgentStatus | null): MonitorStatus | null {
  return Object.values(status?.monitors ?? {}).find((monitor) => monitor.type_id === "host_metrics") ?? null;
}

/** The numbers that are there; whatever is no number counts as missing. */
export function metricsOf(monitor: MonitorStatus | null): Metrics {
  const metrics: Metrics = {};
  for (const key of metricKeys) {
    const value = monitor?.metrics[key];
    if (typeof value === "number" && Number.isFinite(value)) metrics[key] = value;
  }
  return metrics;
}

export class Samples {
  #kept = $state.raw<{ at: number; metrics: Metrics }[]>([]);

  add(at: number, metrics: Metrics): void {
    this.#kept = [...this.#kept.filter((sample) => sample.at > at - WINDOW_MS), { at, metrics }];
  }

  of(key: MetricKey): Sample[] {
    return this.#kept.flatMap(({ at, metrics }) => {
      const value = metrics[key];
      return value === undefined ? [] : [{ at, value }];
    });
  }
}
