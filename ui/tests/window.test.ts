// The window over the fake host: every scenario in both languages, and what each button asks for.

import { describe, expect, it, vi } from "vitest";

import type { ApplyStep, Failure } from "../src/generated/ipc";
import { en } from "../src/locales/en";
import { tellWhenPainted } from "../src/painted";
import type { FakeHost } from "../src/platform/fake/host";
import { fakeHost, type Scenario, scenarios } from "../src/platform/fake/scenarios";
import { pages } from "../src/state/route.svelte";
import {
  choose,
  click,
  close,
  find,
  follow,
  has,
  open as openWindow,
  pass,
  type,
  withWindow,
} from "./opening";

let host: FakeHost;

withWindow();

async function open(...how: Parameters<typeof openWindow>): Promise<void> {
  host = await openWindow(...how);
}

const keys = Object.entries(en).flatMap(([group, words]) =>
  Object.keys(words).map((key) => `${group}.${key}`),
);

describe("every scenario", () => {
  const names = Object.keys(scenarios) as Scenario[];
  it.each(names.flatMap((name) => (["en", "zh-CN"] as const).map((language) => [name, language] as const)))(
    "%s in %s shows words on every page, and no key or gap in them",
    async (name, language) => {
      for (const page of pages) {
        await open(name, page, language);
        const text = document.body.textContent ?? "";
        expect(text).not.toMatch(/\{\{|undefined|\[object|NaN/);
        expect(keys.filter((key) => text.includes(key) && !/^hub\.agents$/.test(key))).toEqual([]);
        expect(has(`page-${page}`)).toBe(true);
        expect(document.querySelectorAll("h1")).toHaveLength(1);
        expect(find(`nav-${page}`).getAttribute("aria-current")).toBe("page");
        await close();
      }
    },
    // Six pages each, on a machine that may be busy with builds.
    30_000,
  );
});

describe("another version", () => {
  it("that was sent away is asked about, and forgotten or run", async () => {
    await open("other-start");
    expect(find("other-start").textContent).toContain("TaskPaw 4.0.0 was started");
    await click("action-run-other");
    expect(host.asked).toContainEqual({ command: "run_other" });
    await click("action-keep-this");
    expect(host.asked).toContainEqual({ command: "keep_this" });
    expect(has("other-start")).toBe(false);
  });

  it("that goes on may be kept, and one that is only slow may be started all the same", async () => {
    await open("kept");
    expect(has("action-start-all-the-same")).toBe(false);
    await click("action-show-log");
    expect(host.asked).toContainEqual({ command: "logs", role: "agent", limit: 1000 });
    await click("action-keep-other");
    expect(host.asked).toContainEqual({ command: "keep_other" });
    await close();
    await open("kept-slow");
    await click("action-start-all-the-same");
    expect(host.asked).toContainEqual({ command: "start_all_the_same" });
  });
});

describe("a conflict", () => {
  it("names the holder and offers the free port for good", async () => {
    await open("conflict");
    expect(find("role-state-agent").dataset["kind"]).toBe("waiting");
    expect(find("conflict").textContent).toContain(en.waiting.one);
    expect(find("conflict-port-network").textContent).toContain("Held by python3 (pid 1234)");
    expect(has("conflict-port-control")).toBe(false);
    expect(find("action-use-free-network").textContent).toContain("Use free port 5682");
    await click("action-use-free-network");
    expect(host.asked).toContainEqual({
      command: "apply_ports",
      draft: [{ role: "agent", name: "network", endpoint: { host: "127.0.0.1", port: 5682 } }],
      keep: true,
    });
  });

  it("tries again, and never offers to end anything foreign", async () => {
    await open("conflict");
    await click("action-retry");
    expect(host.asked).toContainEqual({ command: "retry", role: "agent" });
    expect(document.body.textContent).not.toMatch(/\bkill|terminate|\bend (it|python3)/i);
  });

  it("offers all free ports at once, and each one", async () => {
    await open("conflict-two");
    expect(find("action-use-free-network").textContent).toContain("5682");
    expect(find("action-use-free-control").textContent).toContain("5683");
    await click("action-use-free-all");
    expect(host.asked).toContainEqual({
      command: "apply_ports",
      draft: [
        { role: "agent", name: "network", endpoint: { host: "127.0.0.1", port: 5682 } },
        { role: "agent", name: "control", endpoint: { host: "127.0.0.1", port: 5683 } },
      ],
      keep: true,
    });
  });

  it("offers to stop the other role only where that is in the way and is the app's own", async () => {
    await open("conflict-other-role");
    host.world.taken = {};
    await click("action-stop-other");
    expect(host.asked).toContainEqual({ command: "stop", role: "hub" });
    await close();
    await open("conflict-other-role");
    // A hub that was started without this app has the port, and this app's own is another process.
    const hub = host.role("hub");
    if (hub.state.kind === "ready") hub.state.backend.pid = 77;
    host.emit({ type: "app_changed" });
    await pass();
    expect(has("action-stop-other")).toBe(false);
    await close();
    await open("conflict-other-role");
    host.emit({ type: "backend_exited", role: "hub", generation: 1, status: "exit status 0" });
    await pass();
    expect(has("action-stop-other")).toBe(false);
    await close();
    await open("conflict");
    expect(has("action-stop-other")).toBe(false);
  });

  it("follows what becomes of the holder, and says that it has gone", async () => {
    await open("conflict");
    const { generation, ports } = host.role("agent");
    const nginx = { pid: 99, name: "nginx", exe: null, user: null, role: null, ours: false };
    const held = ports.map((port) => (port.state === "foreign" ? { ...port, holders: [nginx] } : port));
    host.emit({ type: "port_conflict", role: "agent", generation, ports: held });
    await pass();
    expect(find("conflict-port-network").textContent).toContain("Held by nginx (pid 99)");
    const free = held.map((port) => ({
      ...port,
      state: "free" as const,
      outlook: "starts" as const,
      holders: [],
      suggestion: null,
    }));
    host.emit({ type: "port_conflict", role: "agent", generation, ports: free });
    await pass();
    expect(find("conflict").textContent).toContain("nginx (pid 99) has gone: starting");
  });

  it("offers to start here where another TaskPaw was started later", async () => {
    await open("displaced");
    expect(find("conflict").textContent).toContain("taskpaw-backend 4.1.0 (pid 4321) has the ports now.");
    expect(find("action-retry").textContent).toContain("Start here");
    expect(find("conflict-port-network").textContent).toContain("a TaskPaw that was started later");
    await close();
    await open("not-allowed");
    expect(find("conflict-port-network").textContent).toContain("administrator rights");
    expect(has("action-use-free-all")).toBe(true);
  });

  it("moves only one of two ports that are in each other's way", async () => {
    await open("conflict-collision");
    expect(find("conflict").textContent).toContain("Port 5681 is not available");
    expect(has("action-use-free-network")).toBe(false);
    expect(has("action-use-free-control")).toBe(true);
  });

  it("stays, with its button, while a quick look is under way", async () => {
    await open("conflict");
    const button = find("action-retry");
    await click("action-retry");
    expect(host.role("agent").generation).toBe(3);
    expect(find("action-retry")).toBe(button);
    expect(find("role-state-agent").dataset["kind"]).toBe("waiting");
  });

  it("says why a button did not work", async () => {
    await open("conflict");
    host.world.refuse.retry = { code: "look_failed", message: "no", detail: null };
    await click("action-retry");
    expect(find("error").dataset["code"]).toBe("look_failed");
    expect(find("error").textContent).toContain(en.error.look_failed);
  });
});

describe("a data folder that was gone", () => {
  it("is named until it is closed", async () => {
    await open("lost-data");
    expect(find("lost-data").textContent).toContain("/home/anna/.local/share/TaskPaw was not there");
    await click("action-close-lost-data");
    expect(has("lost-data")).toBe(false);
  });
});

describe("a configuration that cannot be used", () => {
  it("says line and column, and reads the file again", async () => {
    await open("problem");
    expect(find("problem-detail").textContent).toContain("line 7, column 23");
    expect(find("problem").textContent).toContain("The file was left as it is.");
    await click("action-reload-config");
    expect(host.asked).toContainEqual({ command: "reload_config" });
    await pass();
    expect(find("problem").textContent).toContain("it still cannot be used");
  });

  it("goes back to the last good copy, if there is one", async () => {
    await open("problem");
    await click("action-use-last-good");
    await pass();
    await pass(500);
    expect(has("problem")).toBe(false);
    expect(find("role-state-agent").dataset["kind"]).toBe("ready");
    await close();
    await open("problem-key");
    expect(has("action-use-last-good")).toBe(false);
    expect(find("problem-detail").textContent).toContain("agent.network.port");
  });
});

describe("this machine", () => {
  it("shows numbers, asks for them once, and is sent what changes", async () => {
    await open("ready");
    expect(find("metric-cpu").textContent).toMatch(/\d/);
    expect(find("metric-disk").textContent).toContain("of 931 GiB");
    expect(find("timeline").textContent).toContain("replaced taskpaw-backend 3.9.2 (pid 812) in 41 ms");
    expect(host.asked.filter(({ command }) => command === "agent_history")).toHaveLength(1);
    expect(host.wanted).toEqual(["agent"]);
    const asked = host.asked.length;
    const later = host.world.status().monitors["host_metrics"]!;
    const monitors = { host_metrics: { ...later, metrics: { ...later.metrics, cpu_percent: 77 } } };
    host.push({ kind: "monitors", monitors });
    await pass();
    expect(find("metric-cpu").textContent).toContain("77");
    host.push({
      kind: "unheard",
      role: "agent",
      error: { code: "backend_unreachable", message: "", detail: null },
    });
    await pass();
    expect(find("page-this-machine").textContent).toContain(en.machine.stale);
    host.push({ kind: "monitors", monitors });
    await pass();
    expect(find("page-this-machine").textContent).not.toContain(en.machine.stale);
    expect(host.asked).toHaveLength(asked);
    follow("#/settings");
    await pass();
    expect(host.wanted).toEqual([]);
  });

  it("follows the role from starting to ready", async () => {
    await open("stopped");
    await click("action-start");
    expect(find("role-state-agent").dataset["kind"]).toBe("starting");
    await pass(400);
    expect(find("role-state-agent").dataset["kind"]).toBe("ready");
    expect(find("timeline").textContent).toContain("ready in 182 ms");
  });
});

describe("ports", () => {
  it("says what each port is, looks while one types, and applies only what changed", async () => {
    await open("ready", "ports");
    expect(find("port-state-agent-network").textContent).toBe("in use by TaskPaw");
    await type("port-number-agent-network", "5682");
    expect(find("port-state-agent-network").textContent).toBe("held by postgres (pid 812)");
    expect(find("action-apply-agent").getAttribute("aria-disabled")).toBe("true");
    await click("action-use-free-network");
    await pass(500);
    expect(find("port-state-agent-network").textContent).toBe("free");
    await click("action-apply-agent");
    expect(host.asked).toContainEqual({
      command: "apply_ports",
      draft: [{ role: "agent", name: "network", endpoint: { host: "127.0.0.1", port: 5683 } }],
      keep: true,
    });
    await pass(1000);
    expect(find("port-state-agent-network").textContent).toBe("in use by TaskPaw");
    expect(find("port-row-agent-network").dataset["changed"]).toBe("false");
  });

  it("marks both ports that collide, and what is no number", async () => {
    await open("ready", "ports");
    await type("port-number-agent-network", "5681");
    expect(find("port-state-agent-network").textContent).toBe("used twice");
    expect(find("port-state-agent-control").textContent).toBe("used twice");
    await type("port-number-agent-network", "56x");
    expect(find("port-state-agent-network").textContent).toBe("not a usable address");
  });

  it("asks for a number where there is none, and says what was applied in one sentence", async () => {
    await open("ready", "ports");
    expect(find("page-ports").textContent).toContain("No changes");
    await type("port-number-agent-network", "");
    expect(find("port-state-agent-network").textContent).toBe("Enter a port number");
    expect(has("action-use-free-network")).toBe(false);
    await type("port-number-agent-network", "5683");
    await click("action-apply-agent");
    await pass(1000);
    const said = find("apply-agent").closest("form")?.textContent;
    expect(said).toContain("The agent is ready on the new ports.");
    expect(said).not.toContain("No changes");
  });

  it("sees by itself that who was in the way has left", async () => {
    await open("ready", "ports");
    await type("port-number-agent-network", "5682");
    expect(find("port-state-agent-network").textContent).toContain("held by postgres");
    delete host.world.taken[5682];
    await pass(5000);
    expect(find("port-state-agent-network").textContent).toBe("free");
    const asked = host.asked.length;
    await pass(20_000);
    expect(host.asked).toHaveLength(asked);
  });

  it("marks only the field that is at fault", async () => {
    await open("ready", "ports");
    const marked = () =>
      [...document.querySelectorAll<HTMLElement>("[aria-invalid='true']")].map(
        (field) => field.dataset["testid"],
      );
    expect(marked()).toEqual([]);
    await type("port-number-agent-network", "5682");
    expect(marked()).toEqual(["port-number-agent-network"]);
    await type("port-number-agent-network", "5681");
    expect(marked()).toEqual(["port-number-agent-network", "port-number-agent-control"]);
    await type("port-number-agent-network", "70000");
    expect(marked()).toEqual(["port-number-agent-network"]);
    await type("port-number-agent-network", "5690");
    await type("port-host-agent-network", "my pc");
    expect(marked()).toEqual(["port-host-agent-network"]);
    await type("port-host-agent-network", "8.8.8.8");
    expect(marked()).toEqual(["port-host-agent-network"]);
  });

  it("says step by step what was undone, and that all is as before only when it is", async () => {
    await open("ready", "ports");
    host.world.refuse.apply_ports = { code: "internal", message: "the test tells it itself", detail: null };
    await type("port-number-agent-network", "5683");
    await click("action-apply-agent");
    const failure: Failure = { kind: "exited", status: "exit status 7", log: [] };
    const tell = async (...told: ApplyStep[]) => {
      for (const step of told) {
        const reason = step.startsWith("rol") ? failure : null;
        host.emit({
          type: "apply_progress",
          role: "agent",
          apply: { step, keep: true, reason, ports: [] },
        });
      }
      await pass();
    };
    await tell("checking", "saving", "stopping");
    host.emit({ type: "backend_exited", role: "agent", generation: 1, status: "exit status 0" });
    await tell("starting", "rolling_back");
    host.emit({
      type: "backend_backoff",
      role: "agent",
      generation: 2,
      failure,
      wait_ms: 500,
      attempt: 1,
    });
    await tell("rolled_back");
    const said = () => find("apply-agent").textContent ?? "";
    const steps = () =>
      [...find("apply-agent").querySelectorAll("li")].map((step) => step.dataset["state"]).join(" ");
    expect(steps()).toBe("done undone done failed doing");
    expect(said()).toContain("the agent is not ready on them yet");
    expect(said()).not.toContain("as it was before");
    const ports = host.role("agent").ports;
    const backend = { pid: 7, version: "4.0.0", base_url: "http://127.0.0.1:5681", ready_ms: 9 };
    host.emit({ type: "backend_ready", role: "agent", generation: 3, backend, ports });
    await pass();
    expect(steps()).toBe("done undone undone failed done");
    expect(said()).toContain("Everything is as it was before.");
  });

  it("asks once for a number that was typed quickly", async () => {
    await open("ready", "ports");
    const asked = () => host.asked.filter(({ command }) => command === "check_ports").length;
    const before = asked();
    for (const text of ["5", "57", "570", "5700"]) {
      const input = find("port-number-agent-network") as HTMLInputElement;
      input.value = text;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      await pass(40);
    }
    await pass(500);
    expect(asked()).toBe(before + 1);
  });

  it("suggests the next free number", async () => {
    await open("ready", "ports");
    await click("action-suggest-agent-control");
    expect((find("port-number-agent-control") as HTMLInputElement).value).toBe("5683");
  });
});

describe("settings", () => {
  it("switches the language and the colours at once", async () => {
    await open("ready", "settings");
    expect(document.documentElement.lang).toBe("en");
    await choose("select-language", "zh-CN");
    expect(document.documentElement.lang).toBe("zh-CN");
    expect(find("nav-settings").textContent).toContain("设置");
    await choose("select-theme", "dark");
    expect(document.documentElement.dataset["theme"]).toBe("dark");
    expect(host.world.snapshot.app.preferences).toMatchObject({ language: "zh-CN", theme: "dark" });
  });
});

describe("the first paint", () => {
  it("is told once", async () => {
    host = fakeHost("connecting");
    vi.stubGlobal("requestAnimationFrame", (run: () => void) => void queueMicrotask(run));
    tellWhenPainted(host);
    await pass();
    expect(host.asked).toEqual([{ command: "painted" }]);
    vi.unstubAllGlobals();
  });
});
