// The charts: the means of an hour, and where their lines go.

import { describe, expect, it } from "vitest";

import { nearest, roundTop, runs, spanOf } from "../src/state/plot";
import { BUCKET_MS, HOUR_MS, metricsOf, Samples, sharesOf } from "../src/state/samples.svelte";

const START = Math.floor(Date.UTC(2026, 2, 1) / BUCKET_MS) * BUCKET_MS;
const at = (bucket: number) => START + bucket * BUCKET_MS;

describe("samples", () => {
  it("keeps the mean of each ten seconds, and an hour of them", () => {
    const samples = new Samples();
    for (let time = START; time < START + HOUR_MS + 60_000; time += 2000) {
      samples.add(time, { cpu_percent: (time / 2000) % 5 });
    }
    const kept = samples.of("cpu_percent");
    expect(kept).toHaveLength(HOUR_MS / BUCKET_MS);
    expect(kept[0]?.at).toBe(START + 60_000);
    expect(kept.every(({ value }) => value === 2)).toBe(true);
    expect(samples.of("load_1m")).toEqual([]);
  });

  it("takes a number that appears or goes as it comes", () => {
    const samples = new Samples();
    samples.add(at(0), { cpu_percent: 10 });
    samples.add(at(0) + 2000, { load_1m: 1 });
    samples.add(at(1), { cpu_percent: 30 });
    expect(samples.of("cpu_percent").map(({ value }) => value)).toEqual([30]);
    expect(samples.of("load_1m")).toHaveLength(1);
  });

  it("reads only what is a number, and the busiest graphics card", () => {
    const gpus = [
      { utilization_percent: 37 },
      { utilization_percent: 80 },
      { utilization_percent: null },
      7,
      null,
    ];
    const metrics = { cpu_percent: 3, load_1m: "1", memory_used_bytes: Infinity, gpus };
    const monitor = { type_id: "host_metrics", state: "ok" as const, detail: "", metrics, last_update: null };
    expect(metricsOf(monitor)).toEqual({ cpu_percent: 3, gpu_percent: 80 });
    expect(metricsOf(null)).toEqual({});
  });

  it("reads how much is in use from either version of an agent", () => {
    const monitor = (metrics: Record<string, unknown>) => ({
      type_id: "host_metrics",
      state: "ok" as const,
      detail: "",
      metrics,
      last_update: null,
    });
    const ours = { cpu_percent: 50, memory_used_bytes: 1, memory_total_bytes: 4, cpu_pct: 1 };
    expect(sharesOf(monitor(ours))).toEqual({ cpu: 0.5, memory: 0.25 });
    const ofV3 = { cpu_pct: 5, mem_pct: 40, disk_pct: 12.5, gpu_pct: "n/a" };
    expect(sharesOf(monitor(ofV3))).toEqual({ cpu: 0.05, memory: 0.4, disk: 0.125 });
    expect(sharesOf(null)).toEqual({});
  });

  it("takes in what the agent has kept beside what it knows from before", () => {
    const samples = new Samples();
    for (const bucket of [0, 1, 400]) samples.add(at(bucket), { cpu_percent: 1 });
    samples.fill(
      [399, 400, 401].map((bucket) => ({ at: at(bucket), metrics: { cpu_percent: 2, load_1m: "?" } })),
    );
    expect(samples.of("cpu_percent")).toEqual(
      [399, 400, 401].map((bucket) => ({ at: at(bucket), value: 2 })),
    );
    expect(samples.of("load_1m")).toEqual([]);
    samples.fill([]);
    expect(samples.of("cpu_percent")).toHaveLength(3);
  });

  it("forgets what lies ahead when the clock was set back", () => {
    const samples = new Samples();
    samples.add(at(10), { cpu_percent: 1 });
    samples.add(at(3), { cpu_percent: 2 });
    expect(samples.of("cpu_percent").map(({ value }) => value)).toEqual([2]);
  });
});

describe("lines", () => {
  it("looks back as far as there is something to see", () => {
    const of = (...buckets: number[]) => [buckets.map((bucket) => ({ at: at(bucket), value: 1 }))];
    expect(spanOf(of())).toBe(5 * 60_000);
    expect(spanOf(of(0, 29))).toBe(5 * 60_000);
    expect(spanOf(of(0, 31))).toBe(15 * 60_000);
    expect(spanOf(of(0, 300))).toBe(HOUR_MS);
  });

  it("is broken where nobody looked", () => {
    const samples = [0, 1, 2, 20, 21].map((bucket) => ({ at: at(bucket), value: bucket }));
    const [first, second, ...none] = runs(samples, at(21), 5 * 60_000, 21);
    expect([first?.length, second?.length, none.length]).toEqual([3, 2, 0]);
    expect(second?.at(-1)).toEqual({ x: 1, y: 1 });
    expect(nearest(samples, 1, at(21), 5 * 60_000)?.value).toBe(21);
    expect(nearest(samples, 1 - 110 / 300, at(21), 5 * 60_000)).toBeNull();
  });

  it("has a round upper edge at or above every value", () => {
    for (const value of [0, 1, 3, 1000, 1025, 123_456_789]) {
      const top = roundTop([[{ at: 0, value }]]);
      expect(top).toBeGreaterThanOrEqual(value);
      expect(top).toBeLessThanOrEqual(Math.max(1, value * 1.5));
    }
  });
});
