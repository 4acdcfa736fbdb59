// Keys, the menu on a right click, search, and times as a list has them.

import { describe, expect, it, vi } from "vitest";

import { placeOf } from "../src/state/menu";
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
    expect(shortcutOf(pressed("=", { isCommand: true, isTyping: true, isCovered: true }))).toEqual({
      kind: "zoom",
      to: "larger",
    });
    expect(shortcutOf(pressed("-", { isCommand: true }))).toEqual({ kind: "zoom", to: "smaller" });
    expect(shortcutOf(pressed("0", { isCommand: true }))).toEqual({ kind: "zoom", to: "usual" });
    expect(shortcutOf(pressed("-"))).toBeNull();
    expect(shortcutOf(pressed("q", { isCommand: true, isTyping: true }))).toEqual({ kind: "quit" });
  });

  it("make everything larger and smaller as far as that goes, which Settings shows", async () => {
    const host = await open("ready");
    const size = () => host.world.snapshot.app.preferences.zoom;
    const press = async (key: string) => {
      dispatchEvent(new KeyboardEvent("keydown", { key, ctrlKey: true }));
      await pass();
      return size();
    };
    expect([await press("="), await press("+"), await press("+"), await press("+")]).toEqual([
      110, 125, 150, 150,
    ]);
    await press(",");
    dispatchEvent(new Event("hashchange"));
    await pass();
    const select = find("select-zoom") as HTMLSelectElement;
    expect(select.options[select.selectedIndex]?.textContent).toBe("150%");
    expect([await press("0"), await press("-"), await press("-"), await press("-")]).toEqual([
      100, 90, 80, 80,
    ]);
    select.value = "125";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    await pass();
    expect(size()).toBe(125);
  });

  it("open the list, go to pages, and a right click has no browser's menu", async () => {
    const host = await open("ready");
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
    await click("about-close");
    dispatchEvent(new KeyboardEvent("keydown", { key: "q", ctrlKey: true }));
    await pass();
    expect(find("confirm").textContent).toContain("When TaskPaw quits, this machine is no longer watched.");
    await click("confirm-yes");
    expect(host.asked).toContainEqual({ command: "quit" });
  });
});

describe("the menu of a row", () => {
  const ask = async (testid: string) => {
    find(testid).dispatchEvent(
      new MouseEvent("contextmenu", { bubbles: true, cancelable: true, clientX: 40, clientY: 60, button: 2 }),
    );
    await pass();
  };
  const offered = () =>
    [...document.querySelectorAll("[role='menuitem']")].map(
      (item) => (item as HTMLElement).dataset["testid"],
    );
  const press = async (key: string, more: KeyboardEventInit = {}) => {
    document.activeElement?.dispatchEvent(
      new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }),
    );
    await pass();
  };

  it("has what the page of a monitor has, and does it", async () => {
    const host = await open("told");
    await ask("monitor");
    expect(offered()).toEqual([
      "menu-open",
      "menu-check",
      "menu-mute",
      "menu-edit",
      "menu-duplicate",
      "menu-enable",
      "menu-copy",
      "menu-remove",
    ]);
    await click("menu-check");
    expect(has("context-menu")).toBe(false);
    expect(host.asked).toContainEqual({ command: "check_now", monitor: "Nightly backup" });
    expect(find("page-this-machine").textContent).toContain("Checking Nightly backup…");
    await pass(10_000);
    expect(find("page-this-machine").textContent).not.toContain("Checking");
    await ask("monitor");
    await click("menu-duplicate");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("Nightly backup 2");
    await click("monitor-cancel");
    await ask("monitor");
    await click("menu-mute");
    await click("mute-1h");
    expect(host.world.snapshot.app.preferences.muted).toMatchObject([{ monitor: "Nightly backup" }]);
    await ask("monitor");
    await click("menu-enable");
    expect(host.world.monitors.find(({ name }) => name === "Nightly backup")?.enabled).toBe(false);
    // It is not broken any more, and stands below.
    const row = find("page-this-machine").querySelector("[data-state='off']");
    row?.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true, cancelable: true }));
    await pass();
    expect(offered()).not.toContain("menu-check");
    await click("menu-remove");
    expect(find("confirm").textContent).toContain("Nightly backup");
  });

  it("is opened by the keys for it, walked through by arrows, and gives the focus back", async () => {
    await open("hub");
    const link = find("monitor-open");
    link.focus();
    await press("F10", { shiftKey: true });
    expect(document.activeElement).toBe(find("menu-open"));
    // The event that follows the key opens no second one.
    await ask("monitor");
    await press("ArrowDown");
    expect(document.activeElement).toBe(find("menu-check"));
    await press("ArrowUp");
    await press("ArrowUp");
    expect(document.activeElement).toBe(find("menu-remove"));
    await press("Home");
    expect(document.activeElement).toBe(find("menu-open"));
    find("context-menu").dispatchEvent(new Event("cancel", { cancelable: true }));
    await pass();
    expect(has("context-menu")).toBe(false);
    expect(document.activeElement).toBe(link);
    await press("ContextMenu");
    await click("menu-edit");
    await click("monitor-cancel");
    expect(document.activeElement).toBe(link);
  });

  it("has what can be done with a machine and with an event", async () => {
    const host = await open("hub", "fleet");
    await ask("fleet-agent");
    expect(offered()).toEqual(["menu-open", "menu-edit", "menu-copy", "menu-remove"]);
    await click("menu-remove");
    expect(find("confirm").textContent).toContain(host.world.fleet.agents[0]!.name);
    await click("confirm-no");
    location.hash = "#/events";
    dispatchEvent(new Event("hashchange"));
    await pass(200);
    const written = vi.fn(() => Promise.resolve());
    Object.defineProperty(navigator, "clipboard", { value: { writeText: written }, configurable: true });
    await ask("event");
    await click("menu-copy");
    expect(written).toHaveBeenCalledWith(
      expect.stringMatching(/ · render-01 · NAS web page · NAS web page answers again$/),
    );
    await ask("event");
    await click("menu-only-monitor");
    expect((find("event-monitor") as HTMLSelectElement).value).toBe("NAS web page");
    await ask("event");
    await click("menu-open");
    await click("event-copy");
    expect(find("event-open").textContent).toContain("Copied.");
    await click("event-close");
    await ask("event");
    await click("menu-history");
    expect(location.hash).toContain("/monitor/NAS%20web%20page");
  });

  it("stays inside of the window", () => {
    const window = { width: 720, height: 480 };
    const size = { width: 200, height: 300 };
    expect(placeOf({ x: 100, y: 50 }, size, window)).toEqual({ x: 100, y: 50 });
    expect(placeOf({ x: 700, y: 470 }, size, window)).toEqual({ x: 512, y: 172 });
    expect(placeOf({ x: 0, y: 10 }, { width: 200, height: 600 }, window)).toEqual({ x: 8, y: 8 });
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
    expect(moment(now - 12 * 60_000, now)).toEqual({
      time: expect.stringMatching(/^8:48\s?AM$/u) as string,
      past: "12 min ago",
    });
    expect(moment(now - 5_000, now).past).toBe("just now");
    expect(moment(now - 20 * 3_600_000, now).past).toBeNull();
    expect(day(now, now)).toMatch(/^Today · /);
    expect(day(now - 86_400_000, now)).toMatch(/^Yesterday · /);
    expect(day(now - 2 * 86_400_000, now)).not.toContain("·");
  });
});
