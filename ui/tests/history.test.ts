// The pages of one monitor and of one machine: how it was, its numbers, and what can be done there.

import { describe, expect, it } from "vitest";

import type { History, StateSince } from "../src/generated/ipc";
import { refusal } from "../src/platform/fake/host";
import { breaks, drawn, moved, pieceAt, piecesOf, wellShare, zoomed } from "../src/state/band";
import { inOwnTime, pointAt, pointsOf, runsOf } from "../src/state/history.svelte";
import { linkToSubject, route } from "../src/state/route.svelte";
import { seriesValue, topOf } from "../src/words/history";
import { click, find, follow, has, open, pass, withWindow } from "./opening";

function all(testid: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(`[data-testid="${testid}"]`)];
}

const HOUR = 3_600_000;
const span = { from: 0, to: 24 * HOUR };

describe("how something was", () => {
  const states: StateSince[] = [
    { at: 4 * HOUR, state: "ok" },
    { at: 10 * HOUR, state: "error" },
    { at: 10.5 * HOUR, state: "ok" },
    { at: 12 * HOUR, state: null },
    { at: 14 * HOUR, state: "ok" },
  ];

  it("is pieces without a hole, and counts only while somebody watched", () => {
    const pieces = piecesOf(states, span);
    expect(pieces.map(({ was }) => was)).toEqual(["unknown_before", "ok", "error", "ok", "unwatched", "ok"]);
    expect(pieces.every(({ from }, index) => from === (pieces[index - 1]?.to ?? 0))).toBe(true);
    expect(wellShare(pieces)).toBeCloseTo(17.5 / 18, 5);
    expect(breaks(pieces)).toBe(1);
    expect(pieceAt(pieces, 13 * HOUR)?.was).toBe("unwatched");
    expect(piecesOf([], span)).toEqual([{ ...span, was: "unknown_before" }]);
    expect(wellShare(piecesOf([], span))).toBeNull();
  });

  it("shows the worst of what is too short to be drawn", () => {
    const blink: StateSince[] = [
      { at: 0, state: "ok" },
      { at: 5 * HOUR, state: "error" },
      { at: 5 * HOUR + 1000, state: "ok" },
    ];
    const shown = drawn(piecesOf(blink, span), span, 1 / 360);
    expect(shown.map(({ was }) => was)).toEqual(["ok", "error", "ok"]);
    expect(shown[1]!.to - shown[1]!.from).toBeGreaterThanOrEqual((24 * HOUR) / 361);
    expect(shown.at(-1)!.to).toBe(span.to);
  });

  it("is zoomed within its edges", () => {
    expect(zoomed(span, span, 0.5, 24 * HOUR)).toEqual({ from: 12 * HOUR, to: 24 * HOUR });
    expect(zoomed(span, span, 0.0001, 6 * HOUR).to - zoomed(span, span, 0.0001, 6 * HOUR).from).toBe(300_000);
    expect(zoomed({ from: 0, to: HOUR }, span, 99, 0)).toEqual(span);
    expect(moved({ from: 0, to: HOUR }, span, -0.5)).toEqual({ from: 0, to: HOUR });
  });
});

describe("numbers over time", () => {
  const history: History = { now: 10_000, from: 0, step_seconds: 1, monitors: [] };
  const series = { key: "k", mean: [1, null, 3, 4, 5], low: [], high: [9] };

  it("are runs without a hole, and read where somebody measured", () => {
    const points = pointsOf(history, series, { from: 0, to: 5000 });
    expect(runsOf(points).map((run) => run.length)).toEqual([1, 3]);
    expect(points[0]).toEqual({ at: 500, mean: 1, low: 1, high: 9 });
    expect(pointAt(points, 2600, 1000)?.mean).toBe(3);
    expect(pointAt(points, 90_000, 1000)).toBeNull();
    expect(pointsOf(history, series, { from: 3000, to: 3500 })).toHaveLength(3);
  });

  it("are in this machine's time, whatever the other clock says", () => {
    const states = [{ at: 4000, state: "ok" as const }];
    const monitors = [{ name: "m", states, series: [] }];
    const own = inOwnTime({ ...history, monitors }, 1_010_000);
    expect([own.from, own.monitors[0]?.states[0]?.at]).toEqual([1_000_000, 1_004_000]);
  });

  it("have their units", () => {
    expect(seriesValue("disk_used_bytes", 1024 ** 3)).toBe("1.0 GiB");
    expect(seriesValue("network_rx_bytes_per_s", 2048)).toBe("2.0 KiB/s");
    expect(seriesValue("cpu_percent", 45.2)).toBe("45%");
    expect(seriesValue("response_ms", 12)).toBe("12 ms");
    expect(seriesValue("status", 200)).toBe("200");
    expect([topOf("cpu_percent", 3, null), topOf("connect_ms", 3.4, null), topOf("x", 0, null)]).toEqual([
      100, 5, 1,
    ]);
  });
});

describe("addresses", () => {
  it("lead to what they name, whatever is in a name", () => {
    for (const subject of [
      { agent: null, monitor: "a/b?c#d%" },
      { agent: "ü & %2F", monitor: null },
      { agent: "x", monitor: "monitor" },
      { agent: null, monitor: null },
    ]) {
      location.hash = linkToSubject(subject);
      dispatchEvent(new Event("hashchange"));
      expect(route.subject).toEqual(subject);
    }
    for (const hash of [
      "#/fleet",
      "#/fleet/machine",
      "#/this-machine/monitor/%E0%A4%A",
      "#/events/monitor/x",
    ]) {
      location.hash = hash;
      dispatchEvent(new Event("hashchange"));
      expect(route.subject).toBeNull();
    }
  });
});

describe("the page of a monitor", () => {
  withWindow();

  it("opens from the list and says how it was", async () => {
    const host = await open("ready");
    const link = all("monitor-open").find((link) => link.textContent?.includes("NAS web page"));
    follow(link?.getAttribute("href") ?? "");
    await pass();
    await pass();
    expect(host.asked).toContainEqual({
      command: "history",
      agent: null,
      monitor: "NAS web page",
      range: "day",
    });
    expect(document.querySelector("h1")?.textContent).toBe("NAS web page");
    expect(document.title).toContain("NAS web page");
    expect(all("history-chart").map((chart) => chart.getAttribute("data-key"))).toEqual(["connect_ms"]);
    expect(find("band").getAttribute("aria-valuetext")).toMatch(/^OK, /);
    const table = find("band").parentElement?.querySelector("details");
    if (table) table.open = true;
    table?.dispatchEvent(new Event("toggle"));
    await pass();
    expect(find("band-table").querySelectorAll("tbody tr").length).toBeGreaterThan(2);
    expect(all("history-event").length).toBe(2);
    await click("range-week");
    await pass();
    expect(host.asked.at(-1)).toMatchObject({ command: "history", range: "week" });
    expect(find("range-week").getAttribute("aria-pressed")).toBe("true");
  });

  it("is read and zoomed by the keyboard", async () => {
    await open("ready");
    follow(linkToSubject({ agent: null, monitor: "host_metrics" }));
    await pass();
    await pass();
    const plot = find("history-chart").querySelector<HTMLElement>("[role='slider']")!;
    const press = async (on: HTMLElement, key: string) => {
      on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      await pass();
    };
    const before = plot.getAttribute("aria-valuetext");
    for (let step = 0; step < 5; step += 1) await press(plot, "ArrowLeft");
    expect(plot.getAttribute("aria-valuetext")).not.toBe(before);
    expect(has("zoom-all")).toBe(false);
    await press(plot, "+");
    expect(has("zoom-all")).toBe(true);
    await press(plot, "0");
    await click("zoom-in");
    expect(has("zoom-all")).toBe(true);
    await click("zoom-all");
    expect(has("zoom-all")).toBe(false);
    const band = find("band");
    const last = band.getAttribute("aria-valuetext");
    await press(band, "ArrowLeft");
    expect(band.getAttribute("aria-valuetext")).not.toBe(last);
    await press(band, "End");
    expect(band.getAttribute("aria-valuetext")).toBe(last);
  });

  it("checks at once, and makes another one like it", async () => {
    const host = await open("ready");
    follow(linkToSubject({ agent: null, monitor: "NAS web page" }));
    await pass();
    await pass();
    await click("check-now");
    await pass();
    expect(host.asked).toContainEqual({ command: "check_now", monitor: "NAS web page" });
    await click("history-duplicate");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("NAS web page 2");
    await click("monitor-save");
    await pass();
    await pass();
    const made = host.world.monitors.find(({ name }) => name === "NAS web page 2");
    expect(made?.config).toMatchObject({ host: "192.168.1.9", port: 443 });
    expect(location.hash).toBe("#/this-machine/monitor/NAS%20web%20page%202");
  });

  it("of another machine has no settings, and says what cannot be had", async () => {
    const host = await open("hub", "fleet");
    follow(find("agent-open").getAttribute("href") ?? "");
    await pass();
    await pass();
    expect(all("history-monitor").map((link) => link.textContent)).toContain("Nightly backup");
    follow(all("history-monitor")[0]?.getAttribute("href") ?? "");
    await pass();
    await pass();
    expect(has("check-now") || has("history-edit")).toBe(false);
    expect(has("band")).toBe(true);
    follow(linkToSubject({ agent: "render-02", monitor: null }));
    await pass();
    await pass();
    expect(has("history-failed")).toBe(true);
    host.world.refuse = { history: refusal("backend_unreachable", "gone") };
    follow(linkToSubject({ agent: "render-01", monitor: null }));
    await pass();
    await pass();
    expect(has("history")).toBe(false);
    expect(document.body.textContent).not.toContain("undefined");
  });
});
