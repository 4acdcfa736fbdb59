// Forms for people: what is known of fields, what is proposed, and what is tried, browsed and pasted.

import { describe, expect, it } from "vitest";

import { agentUrl, agentUrlProblem } from "../src/state/agent";
import { programPattern, proposedName, withScheme } from "../src/state/fields";
import { choose, click, find, has, open, pass, saidAt, type, withWindow } from "./opening";

withWindow();

describe("what a person writes", () => {
  it.each([
    ["example.org", "https://example.org"],
    [" example.org/health?x=1 ", "https://example.org/health?x=1"],
    ["192.168.1.5:8080", "http://192.168.1.5:8080"],
    ["localhost:3000/a", "http://localhost:3000/a"],
    ["nas", "http://nas"],
    ["nas.local", "http://nas.local"],
    ["[fd00::5]:80", "http://[fd00::5]:80"],
    ["http://example.org", "http://example.org"],
    ["ftp://example.org", "ftp://example.org"],
    ["", ""],
    ["not an address", "not an address"],
  ])("as the address %s is understood", (typed, understood) => {
    expect(withScheme(typed)).toBe(understood);
  });

  it("of an agent needs no scheme", () => {
    expect(agentUrl("192.168.1.5:5680")).toBe("http://192.168.1.5:5680");
    expect(agentUrlProblem("192.168.1.5:5680")).toBeNull();
    expect(agentUrlProblem("ftp://192.168.1.5")).toBe("scheme");
    expect(agentUrlProblem("http://")).toBe("required");
  });

  it.each([
    ["log_pattern", { path: "/home/anna/scene-04.log" }, "scene-04"],
    ["log_pattern", { path: "C:\\renders\\a b.txt" }, "a b"],
    ["folder", { path: "~/Downloads/" }, "Downloads"],
    ["http_check", { url: "example.org/health" }, "example.org"],
    ["tcp_check", { host: "db", port: "5432" }, "db:5432"],
    ["process", { pattern: "^sh$" }, "sh"],
    ["custom_cmd", { command: "/usr/bin/ffprobe\n-v" }, "ffprobe"],
    ["comfyui", {}, "ComfyUI"],
    ["tcp_check", { host: "db", port: "" }, ""],
  ])("%s is called after what it watches", (typeId, values, name) => {
    expect(proposedName(typeId, values, "Kind", [])).toBe(name);
  });

  it("gets a name that is free, and a pattern that means just this program", () => {
    expect(proposedName("comfyui", {}, "k", ["ComfyUI", "ComfyUI 2"])).toBe("ComfyUI 3");
    expect([programPattern("node.js"), programPattern("sh")]).toEqual(["node\\.js", "^sh$"]);
  });
});

describe("the form of a monitor", () => {
  it("browses, proposes a name, folds what few change, and tries without keeping", async () => {
    const host = await open("ready");
    await click("action-add-monitor");
    await choose("monitor-type", "log_pattern");
    expect((find("more-settings") as HTMLDetailsElement).open).toBe(false);
    await click("try-monitor");
    expect(saidAt("field-path")).toBe("This must be filled in.");
    await click("browse-path");
    await pass();
    expect(host.asked).toContainEqual({ command: "choose_path", what: "file" });
    expect((find("field-path") as HTMLInputElement).value).toBe("/home/anna/renders/scene-05.log");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("scene-05");
    await click("try-monitor");
    await pass();
    expect(find("trial").textContent).toContain("OK");
    expect(host.asked.some(({ command }) => command === "add_monitor")).toBe(false);
    await type("field-path", "/elsewhere.log");
    expect(find("trial").textContent?.trim()).toBe("");
    host.drop("/dropped/scene-06.log", "/dropped/too-many.log");
    await pass();
    expect((find("field-path") as HTMLInputElement).value).toBe("/dropped/scene-06.log");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("scene-06");
    await type("monitor-name", "Mine");
    await type("field-path", "/another.log");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("Mine");
    host.world.trial = { ...host.world.trial, state: "unknown", last_update: null };
    await click("try-monitor");
    await pass();
    expect(find("trial").textContent).toContain("did not finish within 4 seconds");
    host.world.refuse.try_monitor = {
      code: "invalid_fields",
      message: "config.path: no",
      detail: [{ field: "config.path", message: "write the whole path" }],
    };
    await click("try-monitor");
    await pass();
    expect(saidAt("field-path")).toContain("Write the whole path");
  });
});

describe("the first five minutes", () => {
  it("offer what people watch, each with few fields, and how TaskPaw reaches them", async () => {
    const host = await open("bare");
    await click("card-downloads");
    expect((find("field-path") as HTMLInputElement).value).toBe("~/Downloads");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("Downloads");
    expect(has("monitor-type")).toBe(false);
    await click("monitor-cancel");
    await click("first-tell");
    await pass();
    expect(has("action-test-notification")).toBe(true);
    expect(host.world.snapshot.app.preferences).toMatchObject({
      notifications: true,
      notifications_offered: true,
    });
    await click("card-page");
    const fields = document.querySelectorAll(
      "[data-testid='monitor-dialog'] .body > .row :is(input, textarea, select)",
    );
    expect(fields).toHaveLength(2);
    await type("field-url", "example.org");
    await click("monitor-save");
    await pass();
    expect(host.world.monitors.at(-1)).toMatchObject({
      type_id: "http_check",
      name: "example.org",
      config: { url: "https://example.org" },
    });
    expect(has("no-monitors")).toBe(false);
  });

  it("are over for a file that cannot be used only when somebody says so", async () => {
    const host = await open("problem-key");
    await click("action-open-config");
    expect(host.asked).toContainEqual({ command: "open_place", place: "file" });
    await click("action-start-afresh");
    expect(find("confirm").textContent).toContain("config.json.broken");
    await click("confirm-yes");
    await pass();
    expect(host.asked).toContainEqual({ command: "start_afresh" });
    expect(has("problem")).toBe(false);
  });
});

describe("pairing", () => {
  it("opens this machine with one click, and copies one line that is never shown", async () => {
    const host = await open("ready", "settings");
    expect(find("let-hubs-in").dataset["open"]).toBe("false");
    await click("pairing-open");
    await pass(2000);
    expect(host.asked).toContainEqual({ command: "let_hubs_in", address: null });
    expect(find("let-hubs-in").dataset["open"]).toBe("true");
    expect(find("pairing-line").textContent).toContain("192.168.1.5:5680, ••••••••");
    let copied = "";
    Object.assign(globalThis, {
      ClipboardItem: class {
        constructor(readonly parts: Record<string, Promise<Blob>>) {}
      },
    });
    const write = async ([item]: { parts: Record<string, Promise<Blob>> }[]) => {
      copied = (await (await item?.parts["text/plain"])?.text()) ?? "";
    };
    Object.defineProperty(navigator, "clipboard", { value: { write }, configurable: true });
    await click("pairing-copy");
    await pass();
    expect(copied).toContain("0123456789abcdef");
    expect(document.documentElement.outerHTML).not.toContain("0123456789abcdef");
    expect(find("pairing-said").textContent).toContain("Copied");
    await click("pairing-close");
    await pass(2000);
    expect(find("let-hubs-in").dataset["open"]).toBe("false");
  });

  it("adds a machine by its line, says why another one is refused, and why one is silent", async () => {
    const host = await open("hub-empty", "fleet");
    await click("action-add-agent");
    await click("agent-save");
    expect(saidAt("pairing-paste")).toBe("This must be filled in.");
    await type("pairing-paste", "taskpaw-settings 1, x");
    expect(saidAt("pairing-paste")).toContain("not a machine's line");
    host.world.agentTest = { ...host.world.agentTest, error: "no", error_code: "timeout", status: null };
    const line = "taskpaw-machine 1, 192.168.1.9:5680, secret, render-02, 5f0c1a2b";
    await type("pairing-paste", line);
    expect(find("pairing-result").textContent).toContain("render-02 was not added");
    host.world.agentTest = { ...host.world.agentTest, error: null, error_code: null };
    await click("agent-save");
    await pass();
    expect(host.asked.at(-1)).not.toBeUndefined();
    expect(has("agent-dialog")).toBe(false);
    expect(find("paired").textContent).toContain("render-02 is in the fleet");
    expect(document.documentElement.outerHTML).not.toContain("secret");
  });
});
