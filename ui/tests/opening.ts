// Opens the window over the fake host for the tests of its pages, and does in it what a person does.

import { flushSync, mount, unmount } from "svelte";
import { afterEach, beforeEach, vi } from "vitest";

import App from "../src/App.svelte";
import type { FakeHost } from "../src/platform/fake/host";
import { fakeHost, type Scenario } from "../src/platform/fake/scenarios";
import { AppState } from "../src/state/app.svelte";
import type { PageName } from "../src/state/route.svelte";

let running: ReturnType<typeof mount> | null = null;

/** Puts timers into the tests' hands, and takes the window away after each test. */
export function withWindow(): void {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  });
  afterEach(async () => {
    await close();
    location.hash = "";
    vi.useRealTimers();
  });
}

export async function close(): Promise<void> {
  if (running) await unmount(running);
  running = null;
  document.body.innerHTML = "";
}

export async function pass(ms = 50): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  flushSync();
}

/** What the roles watch is as the fake machine is now. */
export async function pushed(host: FakeHost): Promise<void> {
  host.pushAll();
  await pass();
}

export async function open(
  scenario: Scenario,
  page: PageName = "this-machine",
  language: "en" | "zh-CN" = "en",
): Promise<FakeHost> {
  const host = fakeHost(scenario);
  host.world.snapshot.app.preferences.language = language;
  follow(`#/${page}`);
  const app = new AppState(host);
  running = mount(App, { target: document.body, props: { app } });
  void app.connect();
  await pass();
  await pass();
  await pass();
  return host;
}

/** What a link does. */
export function follow(hash: string): void {
  location.hash = hash;
  dispatchEvent(new Event("hashchange"));
}

export function find(testid: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(`[data-testid="${testid}"]`);
  if (!found) throw new Error(`no ${testid} in:\n${document.body.innerText}`);
  return found;
}

export function has(testid: string): boolean {
  return document.querySelector(`[data-testid="${testid}"]`) !== null;
}

export async function click(testid: string): Promise<void> {
  find(testid).click();
  await pass();
}

export async function type(testid: string, text: string): Promise<void> {
  const input = find(testid) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
  await pass(500);
}

export async function choose(testid: string, value: string): Promise<void> {
  const select = find(testid) as HTMLSelectElement;
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
  await pass();
}

/** What is said at a field about it. */
export function saidAt(testid: string): string {
  return find(testid).closest(".row")?.querySelector(".wrong")?.textContent?.trim() ?? "";
}

/** Enter in a field: the browser sends the form that it is in. */
export async function enter(testid: string): Promise<void> {
  find(testid).closest("form")?.requestSubmit();
  await pass();
}

/** Escape in a dialog. */
export async function escape(testid: string): Promise<void> {
  find(testid).dispatchEvent(new Event("cancel", { cancelable: true }));
  await pass();
}
