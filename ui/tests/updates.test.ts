// New versions: what the window says in each state, in both languages, what a click asks for, and that nobody is asked twice.

import { afterEach, describe, expect, it } from "vitest";

import type { UpdateRefusal, UpdatesView } from "../src/generated/ipc";
import { en } from "../src/locales/en";
import { speak } from "../src/locales/language.svelte";
import { offer, updates } from "../src/platform/fake/updates";
import { snapshot, offHub, readyAgent } from "../src/platform/fake/roles";
import { lookText, type Seen, updateNotice } from "../src/words/updates";
import { click, find, follow, has, open, pass, withWindow } from "./opening";

const { app } = snapshot(readyAgent(), offHub());
const seen: Seen = { asks: false, interrupted: null };

function told(change: Partial<UpdatesView>, more: Partial<typeof app> = {}, also: Partial<Seen> = {}) {
  return updateNotice({ ...app, ...more, updates: updates(change) }, { ...seen, ...also });
}

const failure = { reason: "silent", detail: null } as const;

describe("the notice", () => {
  afterEach(() => speak("en"));

  it("says nothing while there is nothing to say, nor what was put off", () => {
    for (const kind of ["idle", "looking", "current"] as const) expect(told({ state: { kind } })).toBeNull();
    expect(told({ state: { kind: "refused", code: "expired" } }), "a look by itself").toBeNull();
    expect(told({ state: { kind: "failed_before", offer, failure } })).toBeNull();
    expect(told({ state: { kind: "ready", offer }, is_put_off: true })).toBeNull();
  });

  it("says how much has come, and that it went on after a break", () => {
    const state = { kind: "downloading", offer, received: offer.size / 2 } as const;
    expect(told({ state })).toMatchObject({ percent: 50, text: "50% · 9.0 MiB of 18.0 MiB" });
    expect(told({ state }, {}, { interrupted: "4.2.0" })?.text).toContain("continued after");
    expect(told({ state: { ...state, received: offer.size * 2 } })?.percent).toBe(100);
    expect(told({ state: { ...state, offer: { ...offer, size: 0 } } })?.percent).toBe(0);
    const paused = { kind: "paused", offer, code: "unreachable", goes_on_at: Date.now() } as const;
    expect(told({ state: paused })?.text).toContain("TaskPaw tries again at");
    expect(told({ state: { ...paused, goes_on_at: null } })?.title).toBe(
      "TaskPaw 4.2.0 could not be downloaded",
    );
    expect(told({ state: { ...paused, code: "no_space" } })?.title).toBe(
      "TaskPaw 4.2.0 could not be installed",
    );
  });

  it("offers what this installation can do, and says before a download what it cannot", () => {
    expect(told({ state: { kind: "offered", offer } })?.steps).toEqual(["download", "later"]);
    const way = { kind: "no_permission", folder: "/opt/taskpaw" } as const;
    const refused = told({ way, state: { kind: "offered", offer } });
    expect(refused?.steps).toEqual(["later"]);
    expect(refused?.text).toContain("/opt/taskpaw");
    const address = "https://example.org/x";
    expect(told({ way, state: { kind: "by_hand", offer, address } })).toMatchObject({
      text: refused?.text,
      copy: { text: address },
    });
    const command = "sudo apt install './x.deb'";
    expect(told({ way: { kind: "deb" }, state: { kind: "command", offer, command } })?.copy?.text).toBe(
      command,
    );
    expect(told({ way: { kind: "rpm" }, state: { kind: "offered", offer } })?.text).toContain(
      "administrator",
    );
  });

  it("marks what closes a hole", () => {
    expect(told({ state: { kind: "ready", offer } })?.security).toBe(false);
    expect(told({ state: { kind: "ready", offer: { ...offer, security: true } } })?.security).toBe(true);
  });

  it("tells of one version at a time: what was installed by hand goes before what is offered", () => {
    const other = { ...offer, version: "4.3.0" };
    const notice = told({ state: { kind: "ready", offer: other } }, { update: "4.2.0" });
    expect(notice).toMatchObject({ title: "TaskPaw 4.2.0 is installed", notes: null });
    const moved = told({ state: { kind: "relaunching", version: "4.2.0" } }, { update: "4.2.0" });
    expect(moved?.title).toBe("Handing over to 4.2.0");
  });

  it("offers a version that came back again only where it can be tried", () => {
    const outcome = { kind: "came_back", version: "4.2.0", failure } as const;
    expect(told({ outcome, state: { kind: "current" } })?.steps).toEqual(["close"]);
    const notice = told({ outcome, state: { kind: "failed_before", offer, failure } });
    expect(notice?.steps).toEqual(["close", "again"]);
    expect(notice?.text).toContain("did not say in time that it works");
  });

  it.each(["en", "zh-CN"] as const)(
    "has a sentence in %s for each refusal, in Settings and in the bar",
    (language) => {
      speak(language);
      for (const code of Object.keys(en.updates.refused) as UpdateRefusal[]) {
        const inSettings = lookText({ ...app, updates: updates({ state: { kind: "refused", code } }) }, null);
        const inBar = told({ state: { kind: "paused", offer, code, goes_on_at: null } })?.text ?? "";
        for (const text of [inSettings, inBar]) expect(text).not.toMatch(/updates\.|\{\{/);
        expect(inSettings).toContain(inBar);
      }
      for (const reason of Object.keys(en.updates.failure) as (keyof typeof en.updates.failure)[]) {
        const outcome = { kind: "came_back", version: "4.2.0", failure: { reason, detail: null } } as const;
        expect(told({ outcome })?.text).not.toMatch(/updates\.|\{\{/);
      }
    },
  );
});

describe("Settings", () => {
  const said = (change: Partial<UpdatesView>, ago: string | null = "5 min ago") =>
    lookText({ ...app, updates: updates(change) }, ago);

  it("say what the last look found, and when that was", () => {
    expect(said({ state: { kind: "idle" } }, null)).toBe("TaskPaw has not checked yet.");
    expect(said({})).toBe("4.1.0 is the newest version. Last checked: 5 min ago.");
    expect(said({ state: { kind: "looking" } })).toBe("Asking the server…");
    expect(said({ state: { kind: "ready", offer }, is_put_off: true })).toBe(
      "TaskPaw 4.2.0 is ready. Last checked: 5 min ago.",
    );
    expect(said({ state: { kind: "failed_before", offer, failure } })).toContain("did not work here");
  });

  it("say by which file an administrator has switched it off, and that a build has no server", () => {
    expect(said({ forbidden_by: "/etc/taskpaw/no-updates" })).toContain("/etc/taskpaw/no-updates");
    expect(said({ has_feed: false })).toContain("without a server");
  });
});

describe("the window", () => {
  withWindow();

  it.each([
    ["update-offered", "action-update-download", "download_update"],
    ["update-paused", "action-update-continue", "download_update"],
    ["update-ready", "action-relaunch", "relaunch_into_update"],
    ["update-ready", "action-update-later", "put_off_update"],
    ["update-installed-by-hand", "action-relaunch", "relaunch"],
    ["update-came-back", "action-update-again", "try_update_again"],
  ] as const)("%s: a click on %s asks for %s", async (scenario, clicked, command) => {
    const host = await open(scenario);
    await click(clicked);
    expect(host.asked.map((request) => request.command)).toContain(command);
  });

  it("tells once what an update has changed", async () => {
    const host = await open("update-done");
    await click("action-update-close");
    expect(host.asked.map((request) => request.command)).toContain("update_seen");
    expect(has("update")).toBe(false);
    expect(has("updated"), "nor above the page").toBe(false);
    await click("open-about");
    expect(find("about-changed").textContent).toContain("Took over from 4.1.0.");
    expect(find("about-changed").textContent).toContain("Each machine has a page of its own");
  });

  it("shows what is new in the language that is spoken, folded until it is wanted", async () => {
    await open("update-ready", "this-machine", "zh-CN");
    expect(find("update").textContent).toContain("TaskPaw 4.2.0 已准备就绪");
    expect(has("update-security")).toBe(true);
    expect(has("update-notes")).toBe(false);
    await click("action-update-notes");
    expect(find("update-notes").textContent).toContain("每台机器都有自己的页面");
    expect(find("action-update-notes").getAttribute("aria-expanded")).toBe("true");
  });

  it("keeps the focus in the notice when the button that was pressed is gone", async () => {
    await open("update-offered");
    find("action-update-download").focus();
    await click("action-update-download");
    expect(find("update-progress")).toBeTruthy();
    expect(find("update").contains(document.activeElement)).toBe(true);
  });

  it("asks once whether to look, among the first steps or else in the notice", async () => {
    const host = await open("update-question");
    expect(find("update").textContent).toContain("Should TaskPaw check for updates");
    await click("action-update-no");
    expect(host.asked).toContainEqual({ command: "choose_updates", look: false });
    expect(has("update")).toBe(false);
    follow("#/settings");
    await pass();
    expect(find("switch-updates").getAttribute("aria-checked")).toBe("false");
    await click("switch-updates");
    expect(host.asked).toContainEqual({ command: "choose_updates", look: true });
  });

  it("asks one thing at a time: whether to tell goes first", async () => {
    await open("new");
    expect(has("tell-me")).toBe(true);
    expect(has("update")).toBe(false);
    await click("tell-me-off");
    expect(has("update")).toBe(true);
  });

  it.each(["update-forbidden", "update-no-feed"] as const)("does not ask in %s", async (scenario) => {
    await open(scenario, "settings");
    expect(has("update")).toBe(false);
    expect(find("switch-updates").getAttribute("aria-disabled")).toBe("true");
    expect(has("action-look-for-updates")).toBe(false);
  });

  it("looks now when asked in Settings, and says what came of it", async () => {
    const host = await open("update-refused", "settings");
    expect(find("updates-said").textContent).toContain("out of date");
    await click("action-look-for-updates");
    await pass();
    expect(host.asked.map(({ command }) => command)).toContain("look_for_update");
    expect(find("updates-said").textContent).toContain("4.1.0 is the newest version.");
  });
});
