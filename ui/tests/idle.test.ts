// A window that nobody touches does nothing by itself: the data that it shows are sent to it.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, describe, expect, it, vi } from "vitest";

import App from "../src/App.svelte";
import { fakeHost, type Scenario } from "../src/platform/fake/scenarios";
import { AppState } from "../src/state/app.svelte";
import type { PageName } from "../src/state/route.svelte";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function idle(scenario: Scenario, page: PageName) {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  const frames = vi.fn();
  vi.stubGlobal("requestAnimationFrame", frames);
  location.hash = `#/${page}`;
  dispatchEvent(new Event("hashchange"));
  const host = fakeHost(scenario);
  const app = new AppState(host);
  const window = mount(App, { target: document.body, props: { app } });
  void app.connect();
  for (let round = 0; round < 20; round += 1) {
    await vi.advanceTimersByTimeAsync(100);
    flushSync();
  }
  const asked = host.asked.length;
  const timers = vi.getTimerCount();
  frames.mockClear();
  await vi.advanceTimersByTimeAsync(60_000);
  const result = { timers, asks: host.asked.length - asked, frames: frames.mock.calls.length };
  await unmount(window);
  document.body.innerHTML = "";
  expect(vi.getTimerCount(), "timers after the window is gone").toBe(0);
  return result;
}

describe("an idle window", () => {
  it("has no timer on ports", async () => {
    expect(await idle("hub", "ports")).toEqual({ timers: 0, asks: 0, frames: 0 });
  });

  it.each([
    // Ages in minutes move twice in each.
    ["this-machine", "ready", 1],
    ["fleet", "hub", 1],
    ["events", "ready", 1],
    ["events", "hub", 1],
    // When it was looked for new versions.
    ["settings", "hub", 1],
    ["diagnostics", "ready", 0],
  ] as const)("on %s (%s) is sent its data and asks for nothing", async (page, scenario, timers) => {
    expect(await idle(scenario, page)).toEqual({ timers, asks: 0, frames: 0 });
  });

  it("counts down only while something is counted down", async () => {
    expect((await idle("backoff", "this-machine")).timers).toBe(1);
    expect((await idle("conflict", "this-machine")).timers).toBe(0);
    expect((await idle("failed-version", "this-machine")).timers).toBe(0);
  });

  it("is sent nothing while it is hidden, and all of it once it is seen again", async () => {
    const seen = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    expect(await idle("ready", "this-machine")).toMatchObject({ asks: 0 });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const host = fakeHost("ready");
    const app = new AppState(host);
    const window = mount(App, { target: document.body, props: { app } });
    void app.connect();
    await vi.advanceTimersByTimeAsync(300);
    expect([host.wanted, app.data.agent.answer]).toEqual([[], null]);
    seen.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    await vi.advanceTimersByTimeAsync(300);
    expect(host.wanted).toEqual(["agent"]);
    expect(app.data.agent.answer).not.toBe(null);
    await unmount(window);
    document.body.innerHTML = "";
    vi.restoreAllMocks();
  });
});
