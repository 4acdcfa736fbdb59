// Keys, the menu on a right click, search, and times as a list has them.

import { describe, expect, it, vi } from "vitest";

import { type Pressed, shortcutOf } from "../src/state/shortcuts";
import { day, moment } from "../src/words/numbers";
import { click, find, has, open, pass, pushed, type, withWindow } from "./opening";

withWindow();

const pressed = (key: string, more: Partial<Pressed> = {}): Pressed => ({
  key,
  isCommand: false,
  isAlt: false,
  isTyping: false,
  isCovered: false,
  ...more,
});

describe("keys", () => {
  it("mean a page, a search, a form or the list, and nothing of a browser's", () => {
    expect(shortcutOf(pressed("2", { isCommand: true }))).toEqual({ kind: "page", page: "fleet" });
    expect(shortcutOf(pressed("9", { isCommand: true }))).toBeNull();
    expect(shortcutOf(pressed(",", { isCommand: true }))).toEqual({ kind: "page", page: "settings" });
    expect(shortcutOf(pressed("f", { isCommand: true, isTyping: true }))).toEqual({ kind: "search" });
    expect(shortcutOf(pressed("/"))).toEqual({ kind: "search" });
    expect(shortcutOf(pressed("/", { isTyping: true }))).toBeNull();
    expect(shortcutOf(pressed("?", { isCovered: true }))).toBeNull();
    expect(shortcutOf(pressed("F5", { isCovered: true }))).toEqual({ kind: "nothing" });
    expect(shortcutOf(pressed("r", { isCommand: true }))).toEqual({ kind: "nothing" });
    expect(shortcutOf(pressed("c", { isCommand: true }))).toBeNull();
  });

  it("open the list, go to pages, and a right click has no browser's menu", async () => {
    await open("ready");
    dispatchEvent(new KeyboardEvent("keydown", { key: "?" }));
    await pass();
    expect(find("about").textContent).toContain("MIT");
    expect(has("about-changed")).toBe(false);
    expect(find("archive-contents").textContent).toContain("takeover-journal.jsonl");
    find("licences").dispatchEvent(new Event("toggle"));
    await vi.waitFor(() =>
      expect(document.querySelectorAll("[data-testid='licence']").length).toBeGreaterThan(5),
    );
    expect(find("licences").textContent).toContain("tauri");
    expect(find("licences").textContent).toContain("svelte");
    await click("about-close");
    dispatchEvent(new KeyboardEvent("keydown", { key: "3", ctrlKey: true }));
    dispatchEvent(new Event("hashchange"));
    await pass();
    expect(has("page-events")).toBe(true);
    const right = new MouseEvent("contextmenu", { bubbles: true, cancelable: true });
    find("page-events").dispatchEvent(right);
    expect(right.defaultPrevented).toBe(true);
    const inField = new MouseEvent("contextmenu", { bubbles: true, cancelable: true });
    find("event-search").dispatchEvent(inField);
    expect(inField.defaultPrevented).toBe(false);
    await click("open-about");
    expect(has("about")).toBe(true);
  });
});

describe("search", () => {
  it("is there from eight monitors on", async () => {
    const host = await open("ready");
    expect(has("monitor-search")).toBe(false);
    const status = host.world.status();
    for (let number = 1; number <= 6; number += 1)
      status.monitors[`Job ${number}`] = { ...host.world.trial, detail: "" };
    host.world.status = () => status;
    await pushed(host);
    await type("monitor-search", "job 3");
    expect(document.querySelectorAll("[data-testid='monitor']")).toHaveLength(1);
    await type("monitor-search", "nothing");
    expect(has("no-monitor-found")).toBe(true);
  });
});

describe("times", () => {
  it("say when and how long ago, and the last two days by name", () => {
    const now = new Date(2026, 2, 2, 9, 0).getTime();
    expect(moment(now - 12 * 60_000, now)).toMatch(/8:48\s?AM · 12 min ago$/u);
    expect(moment(now - 5_000, now)).toMatch(/just now$/);
    expect(moment(now - 20 * 3_600_000, now)).not.toContain("·");
    expect(day(now, now)).toMatch(/^Today · /);
    expect(day(now - 86_400_000, now)).toMatch(/^Yesterday · /);
    expect(day(now - 2 * 86_400_000, now)).not.toContain("·");
  });
});
