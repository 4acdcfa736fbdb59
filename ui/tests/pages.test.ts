// What a person can do on each page, and what the host is asked for when they do.

import { describe, expect, it, vi } from "vitest";

import type { Failure, MonitorConfig } from "../src/generated/ipc";
import { speak } from "../src/locales/language.svelte";
import { type FakeHost, refusal } from "../src/platform/fake/host";
import {
  choose,
  click,
  close,
  enter,
  escape,
  find,
  follow,
  has,
  open,
  pass,
  pushed,
  saidAt,
  type,
  withWindow,
} from "./opening";

withWindow();

describe("monitors", () => {
  it.each([
    ["en", "More than one monitor is called “Render”"],
    ["zh-CN", "有多个监测项目都叫“Render”"],
  ] as const)("with one name are named in %s, since only one of them is watched", async (language, title) => {
    const host = await open("ready", "this-machine", language);
    expect(has("name-twice")).toBe(false);
    const { status } = host.world;
    host.world.status = () => ({ ...status(), names_in_use_twice: ["Render"] });
    await pushed(host);
    expect(find("name-twice").textContent).toContain(title);
    expect(find("name-twice").textContent).toContain("config.json");
  });

  const added: MonitorConfig = {
    type_id: "tcp_check",
    name: "Database",
    enabled: true,
    config: { host: "db", port: 5432, timeout: 5 },
  };

  /** Fills in the form and saves it. */
  async function saveDatabase() {
    await type("monitor-name", "Database");
    await type("field-host", "db");
    await type("field-port", "5432");
    await click("monitor-save");
    await pass();
  }

  it("are added by a form that says at each field what is wrong", async () => {
    const host = await open("ready");
    await click("action-add-monitor");
    await click("monitor-save");
    expect(saidAt("monitor-name")).toBe("This must be filled in.");
    expect(saidAt("field-port")).toBe("This must be filled in.");
    await type("monitor-name", "NAS web page");
    expect(saidAt("monitor-name")).toContain("is taken");
    await type("monitor-name", "Database");
    await type("field-host", "db");
    await type("field-port", "70000");
    expect(saidAt("field-port")).toBe("This must be 65535 or less.");
    expect(find("field-port").getAttribute("aria-invalid")).toBe("true");
    await type("field-port", "5432");
    expect(host.asked.some(({ command }) => command === "add_monitor")).toBe(false);
    await click("monitor-save");
    expect(host.asked).toContainEqual({ command: "add_monitor", monitor: added });
    await pass();
    expect(has("monitor-dialog")).toBe(false);
    expect(document.body.textContent).toContain("Database");
  });

  it("are sent by Enter, go on at the first wrong field, and keep what was typed when left with Escape", async () => {
    const host = await open("ready");
    await click("action-add-monitor");
    await type("monitor-name", "Database");
    await type("field-port", "5432");
    await enter("monitor-name");
    expect(document.activeElement).toBe(find("field-host"));
    await escape("monitor-dialog");
    expect(has("monitor-dialog")).toBe(false);
    await click("action-add-monitor");
    expect((find("field-port") as HTMLInputElement).value).toBe("5432");
    expect(has("draft-kept")).toBe(true);
    await type("field-host", "db");
    await enter("field-host");
    await pass();
    expect(host.asked).toContainEqual({ command: "add_monitor", monitor: added });
    await click("action-add-monitor");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("");
    await type("monitor-name", "x");
    await click("monitor-cancel");
    await click("action-add-monitor");
    expect((find("monitor-name") as HTMLInputElement).value).toBe("");
    // Another kind has not been tried yet.
    await click("monitor-save");
    await choose("monitor-type", "log_pattern");
    expect(saidAt("field-path")).toBe("");
  });

  it("take one click: the second one of a double click does nothing", async () => {
    const host = await open("ready");
    const [first] = document.querySelectorAll<HTMLElement>("[data-testid='monitor-enabled']");
    for (const detail of [1, 2]) first?.dispatchEvent(new MouseEvent("click", { bubbles: true, detail }));
    await pass();
    expect(host.asked.filter(({ command }) => command === "change_monitor")).toHaveLength(1);
  });

  it.each([
    ["en", "Write a name or an address, such as 192.168.1.5.", "Could not be looked up."],
    ["zh-CN", "请填写主机名或地址，例如 192.168.1.5。", "Could not be looked up."],
  ] as const)(
    "shows at its field in %s what only the agent could find wrong",
    async (language, host, port) => {
      const fake = await open("ready", "this-machine", language);
      fake.world.refuse.add_monitor = {
        code: "invalid_fields",
        message: "config.host: no such host",
        detail: [
          { field: "config.host", message: "write a name or an address, such as 192.168.1.5" },
          { field: "config.port", message: "could not be looked up" },
        ],
      };
      await click("action-add-monitor");
      await saveDatabase();
      expect(saidAt("field-host")).toBe(host);
      expect(saidAt("field-port")).toBe(port);
      expect(has("error")).toBe(false);
      expect(document.activeElement).toBe(find("field-host"));
    },
  );

  it.each([
    ["", "Fill in at least one of the three patterns."],
    ["\\d+%", "Put parentheses around the percentage."],
    ["(\\d+%", "Not a valid regular expression."],
  ])("says what is wrong with the progress %o", async (pattern, text) => {
    const fake = await open("ready");
    const detail = [{ field: "config.progress_pattern", message: "…" }];
    fake.world.refuse.add_monitor = { code: "invalid_fields", message: "…", detail };
    await click("action-add-monitor");
    await choose("monitor-type", "log_pattern");
    await type("monitor-name", "Film");
    await type("field-path", "/tmp/film.log");
    await type("field-progress_pattern", pattern);
    await click("monitor-save");
    await pass();
    expect(saidAt("field-progress_pattern")).toBe(text);
  });

  it("are changed, switched off and removed", async () => {
    const host = await open("ready");
    const row = (name: string) => {
      const all = [...document.querySelectorAll<HTMLElement>("[data-testid='monitor']")];
      return all.find((each) => each.querySelector("h3")?.textContent === name)!;
    };
    const press = async (name: string, testid: string) => {
      row(name).querySelector<HTMLElement>(`[data-testid='${testid}']`)?.click();
      await pass();
    };
    // What is always watched can be neither switched off nor removed.
    const [itself, before] = host.world.monitors;
    const fixed = row("System resources");
    expect(fixed.querySelector("[data-testid='monitor-enabled'], [data-testid='monitor-remove']")).toBe(null);
    await press("Blender render", "monitor-edit");
    await type("field-path", "/tmp/other.log");
    await click("monitor-save");
    expect(host.asked).toContainEqual({
      command: "change_monitor",
      name: "Blender render",
      monitor: { ...before, config: { path: "/tmp/other.log", from_start: false } },
    });
    await pass();
    await press("Blender render", "monitor-enabled");
    expect(host.world.monitors[1]?.enabled).toBe(false);
    expect(row("Blender render").dataset["state"]).toBe("off");
    await press("Blender render", "monitor-remove");
    expect(host.world.monitors).toHaveLength(4);
    await click("confirm-no");
    expect(host.world.monitors).toHaveLength(4);
    await press("Blender render", "monitor-remove");
    await click("confirm-yes");
    await pass();
    expect(host.world.monitors).toHaveLength(3);
    expect(host.world.monitors[0]).toBe(itself);
  });

  it.each([
    ["en", "System resources", "What should TaskPaw watch?"],
    ["zh-CN", "系统资源", "要让 TaskPaw 监测什么？"],
  ] as const)("says in %s what a new person has, and how there is more", async (language, name, hint) => {
    await open("bare", "this-machine", language);
    expect(find("monitor").querySelector("h3")?.textContent).toBe(name);
    expect(document.body.textContent).not.toContain("host_metrics");
    expect(find("no-monitors").textContent).toContain(hint);
    find("no-monitors").querySelector<HTMLElement>("[data-testid='action-add-monitor']")?.focus();
    await click("action-add-monitor");
    await saveDatabase();
    expect(has("no-monitors")).toBe(false);
    expect(document.querySelectorAll("[data-testid='monitor']")).toHaveLength(2);
    // The button that opened the form went with the hint; the other one has the focus.
    expect(document.activeElement).toBe(find("action-add-monitor"));
  });

  it("come before the numbers, the broken ones on top, each with how long it is so", async () => {
    const host = await open("ready");
    const shown = () => [...document.querySelectorAll<HTMLElement>("[data-testid='monitor']")];
    const first = () => shown()[0]?.querySelector("h3")?.textContent;
    const following = find("monitor").compareDocumentPosition(find("metric-cpu"));
    expect(following & Node.DOCUMENT_POSITION_FOLLOWING).not.toBe(0);
    expect(first()).toBe("Nightly backup");
    expect(shown()[0]?.querySelector(".when")?.textContent).toBe("for 7 h");
    const well = host.world.status();
    well.monitors["Nightly backup"] = { ...well.monitors["Nightly backup"]!, state: "ok", state_seconds: 3 };
    well.monitors["NAS web page"]!.state = "error";
    host.world.status = () => well;
    await pushed(host);
    expect(first()).toBe("NAS web page");
    expect(shown().at(-1)?.querySelector(".when")?.textContent).toBe("just now");
  });

  it.each([
    ["en", "1 h 13 min so far · about 1 h 27 min left", "Last finished 3 min ago, took 1 h 20 min"],
    ["zh-CN", "已用 1 小时 13 分钟 · 约剩 1 小时 27 分钟", "上次完成：3 分钟前，用时 1 小时 20 分钟"],
  ] as const)("show in %s how far work is, and how the last one went", async (language, goesOn, went) => {
    const host = await open("ready", "this-machine", language);
    const bar = find("work").querySelector("progress");
    expect([bar?.value, bar?.max, bar?.getAttribute("aria-label")]).toEqual([45.8, 100, "Blender render"]);
    expect(find("work").textContent).toContain("46%");
    expect(find("work").textContent).toContain(goesOn);
    const done = host.world.status();
    const work = { is_running: false, percent: null, elapsed_seconds: null, left_seconds: null };
    const last = { took_seconds: 4_800, ended_seconds: 180 };
    done.monitors["Blender render"] = {
      ...done.monitors["Blender render"]!,
      state: "idle",
      work: { ...work, last },
    };
    host.world.status = () => done;
    await pushed(host);
    expect(find("work").querySelector("progress")).toBe(null);
    expect(find("work").textContent).toContain(went);
  });

  it("opens what is always watched without asking for its name", async () => {
    const host = await open("bare");
    await click("monitor-edit");
    expect(find("monitor-dialog").textContent).toContain("Edit “System resources”");
    expect(has("monitor-name")).toBe(false);
    await type("field-cpu_alert_pct", "80");
    await click("monitor-save");
    expect(host.asked).toContainEqual(
      expect.objectContaining({ command: "change_monitor", name: "host_metrics" }),
    );
  });
});

describe("whether everything is all right", () => {
  it.each([
    ["en", "1 needs attention", "Nightly backup", "This machine · for 7 h", "Degraded"],
    ["zh-CN", "1 项需要处理", "Nightly backup", "本机 · 已持续 7 小时", "异常"],
  ] as const)(
    "is said in %s in the head of each page, in the title and the navigation",
    async (language, word, name, text, state) => {
      await open("ready", "settings", language);
      expect(find("health").textContent).toContain(word);
      expect(document.title).toContain(word);
      expect(find("nav-count-this-machine").textContent).toContain(word);
      await click("health");
      expect(find("trouble").textContent).toContain(name);
      expect(find("trouble").textContent).toContain(text);
      expect(find("trouble").textContent).toContain(state);
      expect(find("trouble").getAttribute("href")).toBe("#/this-machine/monitor/Nightly%20backup");
      await click("troubles-close");
      expect(has("troubles")).toBe(false);
    },
  );

  it("counts machines that are silent, and this one once", async () => {
    await open("hub", "events");
    expect(find("health").textContent).toContain("2 need attention");
    expect(find("nav-count-fleet").textContent).toContain("1");
    await click("health");
    const troubles = [...document.querySelectorAll("[data-testid='trouble']")];
    expect(troubles.map((each) => each.querySelector(".name")?.textContent)).toEqual([
      "Nightly backup",
      "render-02",
    ]);
    expect(troubles[1]?.getAttribute("href")).toBe("#/fleet/machine/render-02");
  });

  it.each([
    ["bare", "All well · 1", "all_well"],
    ["stopped", "Not watching", "not_watched"],
    ["starting", "Checking…", "unknown"],
  ] as const)("is, with %s, %s", async (scenario, word, kind) => {
    await open(scenario, "ports");
    expect(find("health").textContent).toContain(word);
    expect(find("health").dataset["kind"]).toBe(kind);
    expect(find("health").tagName).toBe("SPAN");
    expect(has("nav-count-this-machine")).toBe(false);
  });
});

describe("being told", () => {
  async function hears(host: FakeHost) {
    const preferences = { ...host.world.snapshot.app.preferences, notifications: true };
    host.emit({ type: "config_changed", preferences, enabled: ["agent", "hub"] });
    await pass();
  }

  it.each([
    ["en", "Should TaskPaw tell you", "Notifications are on", "Sent."],
    ["zh-CN", "要让 TaskPaw 通知您吗", "通知已开启", "已发送。"],
  ] as const)(
    "is offered in %s where something is watched, with a test",
    async (language, title, on, sent) => {
      const host = await open("new", "this-machine", language);
      expect(find("tell-me").textContent).toContain(title);
      await click("tell-me-on");
      await pass();
      expect(host.world.snapshot.app.preferences).toMatchObject({
        notifications: true,
        notifications_offered: true,
      });
      expect(find("tell-me").textContent).toContain(on);
      await click("action-test-notification");
      await pass();
      expect(host.asked).toContainEqual({ command: "send_test_notification" });
      expect(find("test-notification-sent").textContent).toContain(sent);
      await click("tell-me-done");
      expect(has("tell-me")).toBe(false);
    },
  );

  it("is not asked again by those who said no", async () => {
    const host = await open("new");
    await click("tell-me-off");
    await pass();
    expect(has("tell-me")).toBe(false);
    expect(host.world.snapshot.app.preferences.notifications).toBe(false);
    await close();
    await open("bare");
    expect(has("tell-me")).toBe(false);
  });

  it.each([
    ["mute-1h", 3_600_000],
    ["mute-8h", 28_800_000],
    ["mute-ever", null],
  ] as const)("is muted for one monitor with %s, and unmuted", async (button, lasts) => {
    const host = await open("ready");
    expect(has("mute")).toBe(false);
    await hears(host);
    await click("mute");
    await click(button);
    await pass();
    expect(has("mute-dialog")).toBe(false);
    const [muted] = host.world.snapshot.app.preferences.muted;
    expect(muted).toMatchObject({ machine: "render-01", monitor: "Nightly backup" });
    if (lasts === null) expect(muted?.until).toBe(null);
    else expect(Math.abs((muted?.until ?? 0) - Date.now() - lasts)).toBeLessThan(60_000);
    expect(find("mute").getAttribute("aria-pressed")).toBe("true");
    await click("mute");
    await click("mute-end");
    await pass();
    expect(host.world.snapshot.app.preferences.muted).toEqual([]);
  });

  it("is muted for a whole machine from its card", async () => {
    const host = await open("hub", "fleet");
    await hears(host);
    await click("mute");
    await click("mute-ever");
    await pass();
    expect(host.world.snapshot.app.preferences.muted).toEqual([
      { machine: "render-01", monitor: null, until: null },
    ]);
  });
});

describe("a role that is off", () => {
  it("is switched on where it is missed", async () => {
    const host = await open("ready", "fleet");
    await click("action-switch-on");
    expect(host.asked).toContainEqual({ command: "set_roles", roles: ["agent", "hub"] });
    await pass(500);
    expect(find("role-state-hub").dataset["kind"]).toBe("ready");
  });
});

describe("the fleet", () => {
  it("says which version runs on each machine that says it", async () => {
    const host = await open("hub", "fleet");
    const cards = () =>
      [...document.querySelectorAll('[data-testid="agent-seen"]')].map((it) => it.textContent);
    expect(cards()[0]).toContain(" · TaskPaw 4.1.0");
    expect(cards()[1]).toContain(" · TaskPaw 4.0.0");
    expect(cards()[3]).not.toContain("TaskPaw");
    const [first] = host.world.fleet.agents;
    const status = { ...first!.status! };
    delete status.version;
    host.world.fleet.agents[0] = { ...first!, status };
    await pushed(host);
    expect(cards()[0]).not.toContain("TaskPaw");
  });

  it("tests and adds a machine", async () => {
    const host = await open("hub-empty", "fleet");
    await click("action-add-agent");
    await click("agent-by-hand");
    await click("agent-test");
    expect(saidAt("agent-url")).toBe("This must be filled in.");
    // The test would bring the name.
    expect(saidAt("agent-name")).toBe("");
    await type("agent-url", "ftp://192.168.1.9:5680");
    expect(saidAt("agent-url")).toContain("http://");
    await type("agent-url", "192.168.1.9:5680");
    expect(saidAt("agent-url")).toBe("");
    await type("agent-url", "http://192.168.1.9:5680/status");
    expect(saidAt("agent-url")).toContain("leave out what follows");
    await type("agent-url", "http://192.168.1.9:5680");
    await type("agent-token", "secret");
    await click("agent-test");
    await pass();
    expect(find("agent-test-result").dataset["ok"]).toBe("true");
    expect(host.asked).toContainEqual({
      command: "test_agent",
      probe: { url: "http://192.168.1.9:5680", token: "secret", name: null },
    });
    await type("agent-name", "nas");
    await click("agent-save");
    expect(host.asked).toContainEqual({
      command: "add_agent",
      agent: { name: "nas", url: "http://192.168.1.9:5680", token: "secret", enabled: true },
    });
    await pass();
    expect(find("fleet-agent").textContent).toContain("nas");
  });

  it.each([
    ["en", "The test failed after 3 ms. It cannot be reached.", "Settings opens its agent to your network"],
    ["zh-CN", "测试失败（用时 3 毫秒）。无法连接它。", "已在“设置”页允许其他机器访问监测端"],
  ] as const)(
    "says in %s why a machine fails the test, and what to do there",
    async (language, why, what) => {
      const host = await open("hub", "fleet", language);
      host.world.agentTest = {
        error: "connection refused",
        error_code: "unreachable",
        status: null,
        version: null,
        known_as: null,
        milliseconds: 3,
      };
      await click("action-add-offer");
      await click("agent-test");
      await pass();
      expect(find("agent-test-result").dataset["ok"]).toBe("false");
      expect(find("agent-test-result").textContent).toContain(why);
      expect(find("agent-test-result").textContent).toContain(what);
      expect(find("agent-dialog").textContent).toContain("127.0.0.1");
    },
  );

  it("offers what was found on the network, and adds it only with a name and a token", async () => {
    const host = await open("hub", "fleet");
    expect(find("fleet-offer").textContent).toMatch(
      /workshop.*http:\/\/192\.168\.1\.31:5680.*TaskPaw 4\.1\.0/s,
    );
    expect(document.querySelectorAll('[data-testid="fleet-agent"]')).toHaveLength(4);
    await click("action-add-offer");
    expect((find("agent-name") as HTMLInputElement).value).toBe("workshop");
    expect((find("agent-url") as HTMLInputElement).value).toBe("http://192.168.1.31:5680");
    expect(host.asked.some(({ command }) => command === "add_agent")).toBe(false);
    await type("agent-token", "secret");
    await click("agent-save");
    expect(host.asked).toContainEqual({
      command: "add_agent",
      agent: { name: "workshop", url: "http://192.168.1.31:5680", token: "secret", enabled: true },
    });
    await pass();
    expect(document.querySelectorAll('[data-testid="fleet-agent"]')).toHaveLength(5);
    expect(has("fleet-offer")).toBe(false);
  });

  it("shows at a glance that something is broken on a machine that answers, and what", async () => {
    const host = await open("hub", "fleet");
    const card = () => find("fleet-agent");
    const badge = () => card().querySelector(".badge");
    expect(badge()?.textContent).toContain("Needs attention");
    expect(badge()?.className).toContain("tone-warn");
    expect(card().textContent).toContain("Problems: Nightly backup");
    expect(card().querySelector("[data-testid='work']")?.textContent).toMatch(/Blender render.*46%/s);
    const monitors = host.world.fleet.agents[0]!.status!.monitors;
    monitors["NAS web page"]!.state = "error";
    await pushed(host);
    expect(badge()?.className).toContain("tone-bad");
    expect(card().textContent).toContain("Problems: NAS web page and Nightly backup");
    for (const name of ["NAS web page", "Nightly backup"]) monitors[name]!.state = "ok";
    await pushed(host);
    expect(badge()?.textContent).toContain("Online");
    expect(card().textContent).toContain("3 of 3 OK");
  });

  it.each([
    ["en", "unauthorized", "Token refused", "nas refuses the token", "It did not accept the token."],
    ["en", "no_agent", "Answers badly", "nas answers badly", "is not an agent"],
    ["zh-CN", "unauthorized", "令牌被拒", "nas 不接受令牌", "它不接受此令牌"],
    ["zh-CN", "timeout", "离线", "nas 已离线", "未能及时应答"],
  ] as const)("tells in %s that a machine went away, by %s", async (language, cause, badge, title, text) => {
    const host = await open("hub", "fleet", language);
    const nas = host.world.fleet.agents.find(({ name }) => name === "nas")!;
    Object.assign(nas, { online: false, error: "x", error_code: cause });
    await pushed(host);
    const card = [...document.querySelectorAll("[data-testid='fleet-agent']")][2];
    expect(card?.querySelector(".badge")?.textContent).toContain(badge);
    const data = { kind: "machine_offline", agent: "nas", cause };
    const [known] = host.world.fleetEvents;
    const away = { title: "x", message: "y", level: "alert" as const, monitor: "taskpaw", data };
    host.world.fleetEvents = [{ ...known!, ...away, number: 99, id: 99, age_seconds: 1 }];
    follow("#/events");
    await pass(200);
    const event = document.querySelector("[data-testid='event']");
    expect(event?.textContent).toContain(title);
    expect(event?.textContent).toContain(text);
  });

  it("keeps quiet about what a silent machine said last", async () => {
    await open("hub", "fleet", "zh-CN");
    const silent = document.querySelector('[data-testid="fleet-agent"][data-online="false"]');
    expect(silent?.querySelector(".badge")?.textContent).toContain("离线");
    expect(silent?.querySelector(".watched.quiet")?.textContent).toContain("3 项中 2 项正常");
    expect(silent?.querySelector("dl")?.textContent).toMatch(/^处理器 *\d+% *内存 *\d+% *磁盘 *\d+% *$/);
    expect(find("fleet-agent").querySelector(".watched.quiet")).toBe(null);
  });

  it.each([
    ["en", "1 of 1 online", "Waiting for the next try: 1. Given up after a day and kept aside: 2."],
    ["zh-CN", "1 台机器中 1 台在线", "等待重试的事件：1 个；一天内未能送达、已另行保存的事件：2 个。"],
  ] as const)("counts in %s so that one is as right as many", async (language, summary, webhook) => {
    const host = await open("hub", "fleet", language);
    host.world.fleet.agents = host.world.fleet.agents.slice(0, 1);
    host.world.fleet.webhook = { waiting: 1, kept_aside: 2, error: null };
    await pushed(host);
    expect(find("page-fleet").textContent).toContain(summary);
    expect(find("webhook").textContent).toContain(webhook);
  });

  it("says since when a machine is silent, and why", async () => {
    await open("hub", "fleet");
    const silent = document.querySelector('[data-testid="fleet-agent"][data-online="false"]');
    expect(silent?.textContent).toContain("Last answered 1 h 10 min ago");
    // Nothing comes of it, and it grows older all the same.
    const later = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_700_000);
    await pass(30_000);
    expect(silent?.textContent).toContain("Last answered 2 h 11 min ago");
    later.mockRestore();
  });

  it("keeps the token of a machine that is changed, unless another one is typed", async () => {
    const host = await open("hub", "fleet");
    await click("agent-edit");
    await click("agent-save");
    expect(host.asked).toContainEqual({
      command: "change_agent",
      name: "render-01",
      change: { name: "render-01", url: "http://127.0.0.1:5680", token: null, enabled: true },
    });
  });
});

describe("events", () => {
  it("say what is well again by its own word, and each name once", async () => {
    const host = await open("bare", "events");
    const event = {
      id: 1,
      time: "2026-03-02T09:14:05Z",
      machine: "m",
      monitor: "NAS",
      title: "NAS is well again",
      message: "",
      level: "done" as const,
      data: { kind: "up" },
    };
    host.world.events = [event, { ...event, id: 2, data: { kind: "work_done" } }];
    await pushed(host);
    host.push({ kind: "events_missed", role: "agent" });
    await pass(200);
    const [done, well] = [...document.querySelectorAll("[data-testid='event']")].map(
      (row) => row.textContent,
    );
    expect(well).toContain("Recovered");
    expect(done).toContain("Done");
    expect(well?.match(/NAS/g)).toHaveLength(1);
  });

  it("filters, says so, and shows all again", async () => {
    await open("ready", "events");
    expect(document.querySelectorAll('[data-testid="event"]')).toHaveLength(6);
    await type("event-search", "backup stale");
    expect(document.querySelectorAll('[data-testid="event"]')).toHaveLength(1);
    expect(find("page-events").textContent).toContain("1 of 6 shown");
    await choose("event-level", "done");
    expect(has("event")).toBe(false);
    await click("event-clear");
    expect(document.querySelectorAll('[data-testid="event"]')).toHaveLength(6);
  });

  it.each([
    ["en", "1 event", "2 events"],
    ["zh-CN", "1 个事件", "2 个事件"],
  ] as const)("counts in %s one as one", async (language, one, two) => {
    const host = await open("bare", "events", language);
    const count = () => find("page-events").querySelector(".count")?.textContent;
    const event = { id: 1, time: "2026-03-02T09:14:05Z", machine: "m", monitor: "w", message: "x" };
    host.world.events = [event];
    await pushed(host);
    expect(count()).toBe(one);
    host.world.events = [event, { ...event, id: 2 }];
    await pushed(host);
    expect(count()).toBe(two);
  });

  it("that a notification was about is shown with the history of what it is about, and marked among all", async () => {
    const host = await open("many", "this-machine");
    const wanted = host.world.events[4_000]!;
    const { machine, monitor, id, time } = wanted;
    host.emit({ type: "event_chosen", machine, agent: null, monitor, id, time });
    expect(location.hash).toBe(`#/this-machine/monitor/${encodeURIComponent(monitor)}`);
    follow(location.hash);
    for (let round = 0; round < 4; round += 1) await pass();
    const marked = (testid: string) =>
      document.querySelectorAll(`[data-testid='${testid}'][aria-current='true']`);
    expect(marked("chosen-event")).toHaveLength(1);
    expect(marked("chosen-event")[0]?.textContent).toContain(wanted.title ?? wanted.message);
    expect(has("history")).toBe(true);
    // It is marked among all of them, too, and kept in sight there.
    follow("#/events");
    for (let round = 0; round < 4; round += 1) await pass();
    expect(marked("event")).toHaveLength(1);
    expect(marked("event")[0]?.textContent).toContain(wanted.title ?? wanted.message);
    // One that stands for many opens all of them, also if the list was narrowed.
    await type("event-search", "nothing has this");
    expect(has("event")).toBe(false);
    host.emit({ type: "event_chosen", machine: "", agent: null, monitor: "", id: 0, time: "" });
    await pass();
    expect(has("event")).toBe(true);
    expect(marked("event")).toHaveLength(0);
    expect(location.hash).toBe("#/events");
  });

  it.each([
    [
      "a monitor of a machine",
      "render-01",
      "Nightly backup",
      "#/fleet/machine/render-01/monitor/Nightly%20backup",
    ],
    ["a machine", "render-01", "taskpaw", "#/fleet/machine/render-01"],
    ["this machine's agent itself", null, "taskpaw", "#/events"],
  ])(
    "that are about %s open its page, and are no news when it is opened again",
    async (_, agent, monitor, link) => {
      const host = await open("hub", "settings");
      host.emit({ type: "event_chosen", machine: "m", agent, monitor, id: 3, time: "t" });
      expect(location.hash).toBe(link);
      follow(link);
      await pass();
      follow("#/settings");
      await pass();
      follow("#/fleet/machine/render-01");
      await pass();
      expect(has("chosen-event")).toBe(false);
    },
  );

  it("finds what is said in another language", async () => {
    await open("ready", "events");
    speak("zh-CN");
    await type("event-search", "nas 故障");
    expect(document.querySelectorAll('[data-testid="event"]')).toHaveLength(1);
    await type("event-search", "down");
    expect(document.querySelectorAll('[data-testid="event"]')).toHaveLength(1);
  });

  it("shows one whole", async () => {
    await open("ready", "events");
    await click("event");
    expect(find("event-open").textContent).toContain("NAS web page");
  });

  it("stay where they are for whoever reads or opened one, when others come", async () => {
    const host = await open("many", "events");
    const list = find("events");
    const rowAt = (index: number) => [...list.querySelectorAll<HTMLElement>("[data-testid='event']")][index]!;
    const scrollTo = async (top: number) => {
      list.scrollTop = top;
      list.dispatchEvent(new Event("scroll"));
      await pass();
    };
    const happens = async (id: number) => {
      const time = new Date(Date.now() + id).toISOString();
      const event = { id, time, machine: "render-01", monitor: "Film", message: `news ${id}` };
      host.world.events = [...host.world.events, event];
      await pushed(host);
    };
    await scrollTo(56 * 40 + 10);
    const read = rowAt(10);
    const text = read.textContent;
    read.focus();
    read.click();
    await pass();
    await happens(10_001);
    await happens(10_002);
    expect(list.scrollTop).toBe(56 * 42 + 10);
    find("event-open").querySelector<HTMLElement>("button")?.click();
    await pass();
    expect(document.activeElement).toBe(read);
    expect(read.textContent).toBe(text);
    // At the top, the newest is what is looked for.
    await scrollTo(0);
    await happens(10_003);
    expect(list.scrollTop).toBe(0);
    expect(rowAt(0).textContent).toContain("news 10003");
  });

  it("puts only what is in sight into the page", async () => {
    await open("many", "events");
    expect(document.querySelectorAll('[data-testid="event"]').length).toBeLessThan(60);
    expect(find("page-events").textContent).toContain("10,000 events");
  });
});

describe("a change of ports", () => {
  it("shows its steps, and that it was kept", async () => {
    await open("ready", "ports");
    await type("port-number-agent-network", "5700");
    find("action-apply-agent").click();
    await pass(100);
    expect(find("apply-agent").dataset["step"]).toBe("starting");
    await pass(500);
    expect(find("apply-agent").dataset["step"]).toBe("kept");
    expect(find("apply-agent").textContent).toContain("ready on the new ports");
  });

  it("can be for now only", async () => {
    const host = await open("ready", "ports");
    await type("port-number-agent-network", "5700");
    await click("switch-for-now-agent");
    await click("action-apply-agent");
    await pass(500);
    expect(host.asked.find(({ command }) => command === "apply_ports")).toMatchObject({ keep: false });
    expect(find("apply-agent").textContent).toContain("until TaskPaw is closed");
  });

  it("shows that everything is as it was, and why", async () => {
    const host = await open("ready", "ports");
    await type("port-number-agent-network", "5700");
    // Somebody is quicker between the look and the change.
    const holders = [{ pid: 4711, name: "node", exe: null, user: null, role: null, ours: false }];
    host.world.taken[5700] = { state: "foreign", holders };
    await click("action-apply-agent");
    await pass(400);
    expect(find("apply-agent").dataset["step"]).toBe("refused");
    expect(find("apply-agent").textContent).toContain("held by node (pid 4711)");
    expect(find("port-state-agent-network").textContent).toBe("held by node (pid 4711)");
    expect((find("port-number-agent-network") as HTMLInputElement).value).toBe("5700");
  });

  it.each(["typed", "suggested"])("forgets why it was refused once another number is %s", async (how) => {
    const host = await open("ready", "ports");
    const another = () =>
      how === "typed" ? type("port-number-agent-network", "5701") : click("action-suggest-agent-control");
    await type("port-number-agent-network", "5700");
    host.world.taken[5700] = { state: "foreign", holders: [] };
    await click("action-apply-agent");
    await pass(400);
    expect(find("apply-agent").textContent).toContain("Nothing was changed");
    await another();
    await pass();
    expect(has("apply-agent")).toBe(false);
    host.world.taken = {};
    await type("port-number-agent-network", "5702");
    host.world.refuse.apply_ports = { code: "busy", message: "no", detail: null };
    await click("action-apply-agent");
    expect(has("error")).toBe(true);
    await another();
    await pass();
    expect(has("error")).toBe(false);
  });

  it("tells each step while it is under way, also to a window that only watches", async () => {
    const host = await open("ready", "ports");
    const reason: Failure = { kind: "not_ready", seconds: 20, log: [] };
    for (const step of ["checking", "saving", "stopping", "starting", "confirming"] as const) {
      host.emit({
        type: "apply_progress",
        role: "agent",
        apply: { step, keep: true, reason: null, ports: [] },
      });
      await pass();
      expect(find("apply-agent").dataset["step"]).toBe(step);
      expect(find("apply-agent").querySelectorAll(".doing")).toHaveLength(1);
    }
    host.emit({
      type: "apply_progress",
      role: "agent",
      apply: { step: "rolling_back", keep: true, reason, ports: [] },
    });
    await pass();
    expect(find("apply-agent").textContent).toContain("Going back to the old ports");
    expect(find("apply-agent").textContent).toContain("The backend was not ready in time.");
  });

  it("says why an address may not be used", async () => {
    await open("ready", "ports");
    await type("port-host-agent-network", "0.0.0.0");
    expect(find("port-state-agent-network").dataset["exposed"]).toBe("wildcard");
    expect(find("action-apply-agent").getAttribute("aria-disabled")).toBe("true");
    await type("port-host-agent-network", "192.168.1.5");
    expect(find("port-row-agent-network").textContent).toContain("no token is set");
    await type("port-host-agent-control", "192.168.1.5");
    expect(find("port-state-agent-control").dataset["exposed"]).toBe("control_off_loopback");
  });

  it("drops a late answer about what was typed before", async () => {
    const host = await open("ready", "ports");
    host.world.delay = 2000;
    await type("port-number-agent-network", "5682");
    host.world.delay = 30;
    await type("port-number-agent-network", "5701");
    expect(find("port-state-agent-network").textContent).toBe("free");
    await pass(3000);
    expect(find("port-state-agent-network").textContent).toBe("free");
  });
});

describe("settings", () => {
  it.each([
    ["en", "has no user name", "must end with a topic", "does not accept the token"],
    ["zh-CN", "不含用户名", "必须以主题结尾", "不接受此令牌"],
  ] as const)(
    "sets ntfy up in %s, with a test, and shows nothing of the address again",
    async (language, invalid, noTopic, refused) => {
      const host = await open("ready", "settings", language);
      await click("alert-set-ntfy");
      expect(find("alert-leaves").textContent).toContain(
        language === "en" ? "leaves your machine" : "离开本机",
      );
      await type("alert-url", "ntfy.sh/x");
      await enter("alert-url");
      expect(find("alert-dialog").textContent).toContain(invalid);
      expect(document.activeElement).toBe(find("alert-url"));
      await type("alert-url", "https://ntfy.sh/");
      expect(find("alert-dialog").textContent).toContain(noTopic);
      await type("alert-url", "https://ntfy.sh/render-of-anna");
      await type("alert-token", "tk_secret");
      host.world.alertTest = { outcome: "token_refused", status: 403, said: "forbidden", milliseconds: 12 };
      await click("alert-test");
      await pass();
      expect(find("alert-test-result").textContent).toContain(refused);
      expect(find("alert-test-result").textContent).toContain("forbidden");
      expect(host.asked.some(({ command }) => command === "set_alert_target")).toBe(false);
      await enter("alert-url");
      await pass(500);
      const draft = {
        target: "ntfy",
        url: "https://ntfy.sh/render-of-anna",
        token: "tk_secret",
        events: "alerts",
      };
      expect(host.asked).toContainEqual({ command: "set_alert_target", draft });
      expect(host.world.snapshot.roles.every(({ enabled }) => enabled)).toBe(true);
      await click("alert-set-ntfy");
      expect(document.body.innerHTML).not.toContain("render-of-anna");
      expect(document.body.innerHTML).not.toContain("tk_secret");
      await click("alert-save");
      await pass();
      expect(host.asked).toContainEqual({
        command: "set_alert_target",
        draft: { target: "ntfy", url: null, token: null, events: "alerts" },
      });
      await click("alert-remove-ntfy");
      await click("confirm-yes");
      await pass();
      expect(host.world.snapshot.app.alerts).toEqual([]);
    },
  );

  it("switches roles on and off", async () => {
    const host = await open("ready", "settings");
    await click("switch-role-hub");
    expect(host.asked).toContainEqual({ command: "set_roles", roles: ["agent", "hub"] });
    await pass(500);
    await click("switch-role-agent");
    expect(host.asked).toContainEqual({ command: "set_roles", roles: ["hub"] });
  });

  it("keeps a token hidden until somebody asks, and forgets it when it is hidden again", async () => {
    const host = await open("ready", "settings");
    await click("token-generate-agent");
    await pass();
    const field = () => find("token-text-agent") as HTMLInputElement;
    expect(field().type).toBe("text");
    expect(field().value).toHaveLength(64);
    expect(host.world.tokens.agent).toBeUndefined();
    await click("token-save-agent");
    await pass();
    expect(host.world.tokens.agent).toHaveLength(64);
    expect(field().type).toBe("password");
    expect(field().value).toBe("");
    await click("token-show-agent");
    await pass();
    expect(field().value).toHaveLength(64);
    await click("token-show-agent");
    expect(document.body.innerHTML).not.toContain(host.world.tokens.agent);
    expect(field().value).toBe("");
    await click("token-remove-agent");
    expect(host.world.tokens.agent).not.toBe("");
    await click("confirm-yes");
    await pass();
    expect(host.world.tokens.agent).toBe("");
  });

  it.each([
    ["en", "so short that it can be guessed"],
    ["zh-CN", "令牌过短"],
  ] as const)(
    "asks in %s for another token where the one that is set can be guessed",
    async (language, asks) => {
      const host = await open("ready", "settings", language);
      const { app } = host.world.snapshot;
      host.world.snapshot = {
        ...host.world.snapshot,
        app: { ...app, tokens: ["agent"], short_tokens: ["agent"] },
      };
      host.emit({ type: "app_changed" });
      await pass();
      expect(find("token-agent").textContent).toContain(asks);
      await click("token-generate-agent");
      await pass();
      await click("token-save-agent");
      await pass();
      expect(find("token-agent").textContent).not.toContain(asks);
    },
  );

  it.each([
    ["en", "without spaces", "needs a token"],
    ["zh-CN", "不能有空格", "必须设置令牌"],
  ] as const)("says in %s what a token cannot be, and when it cannot go", async (language, odd, needed) => {
    const host = await open("ready", "settings", language);
    await type("token-text-agent", "a token that has spaces in it");
    expect(find("token-agent").textContent).toContain(odd);
    await enter("token-text-agent");
    expect(host.asked.some(({ command }) => command === "set_token")).toBe(false);
    await type("token-text-agent", "one-that-is-long-enough");
    await enter("token-text-agent");
    expect(host.world.tokens.agent).toBe("one-that-is-long-enough");
    await pass();
    host.role("agent").ports[0]!.host = "192.168.1.5";
    host.emit({ type: "app_changed" });
    await click("token-remove-agent");
    expect(has("confirm")).toBe(false);
    expect(find("token-agent").textContent).toContain(needed);
  });

  it("says of a token that it is saved only until another one is typed", async () => {
    await open("ready", "settings");
    const said = () => find("token-agent").querySelector("[role='status']")?.textContent;
    await type("token-text-agent", "one");
    expect(said()).toContain("at least 16");
    expect(find("token-save-agent").getAttribute("aria-disabled")).toBe("true");
    await type("token-text-agent", "one-that-is-long-enough");
    await click("token-save-agent");
    await pass();
    expect(said()).toBe("Saved.");
    await type("token-text-agent", "another-that-is-long-enough");
    expect(said()).toBe("Not saved yet. Saving restarts the agent.");
  });

  it("says why an address cannot be chosen yet", async () => {
    const host = await open("ready", "settings");
    await choose("select-address-agent", "192.168.1.5");
    expect(find("address-reason-agent").textContent).toContain("Set the token above first.");
    expect(find("action-apply-address-agent").getAttribute("aria-disabled")).toBe("true");
    host.world.addresses = host.world.addresses.map((choice) => ({ ...choice, refused: null }));
    await click("token-generate-agent");
    await pass();
    await click("token-save-agent");
    await pass(200);
    await click("action-apply-address-agent");
    expect(host.asked).toContainEqual({
      command: "apply_ports",
      draft: [{ role: "agent", name: "network", endpoint: { host: "192.168.1.5", port: 5680 } }],
      keep: true,
    });
  });

  it("brings a reason into view that appears below the edge, and keeps what was refused", async () => {
    const host = await open("ready", "settings");
    const shown: (string | undefined)[] = [];
    const scroll = vi.spyOn(Element.prototype, "scrollIntoView").mockImplementation(function (
      this: Element,
      how,
    ) {
      expect(how).toEqual({ block: "nearest", behavior: "smooth" });
      shown.push((this as HTMLElement).dataset["testid"] ?? this.className);
    });
    await choose("select-address-agent", "192.168.1.5");
    expect(shown).toEqual(["address-reason-agent"]);
    await click("action-undo-address-agent");
    host.world.addresses = host.world.addresses.map((choice) => ({ ...choice, refused: null }));
    await click("token-generate-agent");
    await pass();
    await click("token-save-agent");
    await pass(200);
    host.world.taken[5680] = { state: "foreign", holders: [] };
    host.emit({ type: "backend_exited", role: "agent", generation: 1, status: "exit status 0" });
    await pass();
    await choose("select-address-agent", "192.168.1.5");
    await click("action-apply-address-agent");
    await pass();
    expect(find("apply-agent").textContent).toContain("Nothing was changed: a port is not available.");
    expect((find("select-address-agent") as HTMLSelectElement).value).toBe("192.168.1.5");
    expect(shown.at(-1)).toContain("end");
    await choose("select-address-agent", "127.0.0.1");
    expect(has("apply-agent")).toBe(false);
    scroll.mockRestore();
  });

  it("shows what is so beside the reason when a choice is refused", async () => {
    const host = await open("ready", "settings");
    host.world.refuse.set_preferences = refusal("config", "the disk is full");
    const choices = [
      ["select-language", "zh-CN"],
      ["select-theme", "dark"],
      ["select-on-close", "tray"],
    ] as const;
    for (const [testid, value] of choices) {
      const select = find(testid) as HTMLSelectElement;
      const before = select.value;
      await choose(testid, value);
      await pass(200);
      expect(select.value, testid).toBe(before);
      expect(find("error").dataset["code"]).toBe("config");
    }
    await click("switch-notifications");
    await pass(200);
    expect(find("switch-notifications").getAttribute("aria-checked")).toBe("false");
    host.world.refuse = {};
    await choose("select-theme", "dark");
    await pass(200);
    expect((find("select-theme") as HTMLSelectElement).value).toBe("dark");
    expect(has("error")).toBe(false);
  });

  it("changes how the app behaves", async () => {
    const host = await open("ready", "settings");
    await choose("select-on-close", "tray");
    await click("switch-notifications");
    expect(host.world.snapshot.app.preferences).toMatchObject({ on_close: "tray", notifications: true });
    await click("switch-start-at-login");
    expect(host.asked).toContainEqual({ command: "set_start_at_login", enabled: true });
  });

  it("offers the tray only where there is one, and says what happens when it is gone", async () => {
    const host = await open("ready", "settings");
    const offered = () =>
      [...(find("select-on-close") as HTMLSelectElement).options].map(({ value }) => value);
    const trayIsThere = async (has_tray: boolean) => {
      const { app } = host.world.snapshot;
      host.world.snapshot = { ...host.world.snapshot, app: { ...app, has_tray } };
      host.emit({ type: "config_changed", preferences: app.preferences, enabled: ["agent"] });
      await pass();
    };
    await trayIsThere(false);
    expect(offered()).toEqual(["ask", "quit"]);
    await trayIsThere(true);
    expect(offered()).toEqual(["ask", "quit", "tray"]);
    await choose("select-on-close", "tray");
    expect(has("no-tray")).toBe(false);
    await trayIsThere(false);
    expect(offered()).toEqual(["ask", "quit", "tray"]);
    expect(find("no-tray").textContent).toContain("asks instead");
  });
});

describe("an address that others reach", () => {
  it.each([
    ["en", "must use this address now"],
    ["zh-CN", "现在必须使用此地址"],
  ] as const)("is said in %s after it was changed, to copy", async (language, text) => {
    const host = await open("ready", "ports", language);
    host.world.tokens.agent = "one-that-is-long-enough";
    host.world.snapshot.app.tokens = ["agent"];
    host.emit({ type: "app_changed" });
    await type("port-host-agent-network", "192.168.1.5");
    await enter("port-host-agent-network");
    await pass(500);
    expect(find("hubs-use").textContent).toContain(text);
    expect(find("hubs-use").textContent).toContain("http://192.168.1.5:5680");
    await type("port-number-agent-network", "5701");
    expect(has("hubs-use")).toBe(false);
  });

  it("is not said of a port that nobody else reaches", async () => {
    await open("ready", "ports");
    await type("port-number-agent-network", "5700");
    await enter("port-number-agent-network");
    await pass(500);
    expect(has("apply-agent")).toBe(true);
    expect(has("hubs-use")).toBe(false);
  });
});

describe("ports that were typed", () => {
  it("are still there after another page was looked at, and are applied by Enter", async () => {
    const host = await open("ready", "ports");
    await type("port-number-agent-network", "5700");
    follow("#/events");
    await pass();
    follow("#/ports");
    await pass(500);
    expect((find("port-number-agent-network") as HTMLInputElement).value).toBe("5700");
    await enter("port-number-agent-network");
    expect(host.asked.some(({ command }) => command === "apply_ports")).toBe(true);
    await pass(500);
    await click("action-look-again-agent");
    expect(host.role("agent").ports[0]?.port).toBe(5700);
  });
});

describe("diagnostics", () => {
  it("shows the journal, and exports", async () => {
    const host = await open("ready", "diagnostics");
    expect(find("journal").textContent).toContain("Replaced taskpaw-backend (pid 812)");
    expect(find("journal").textContent).toContain("stopped by itself in 41 ms");
    await click("action-export");
    await pass();
    expect(find("exported").textContent).toContain(".tar.gz");
    expect(host.asked).toContainEqual({ command: "export_diagnostics" });
  });

  it.each([
    ["en", "When a role starts and something is on its ports"],
    ["zh-CN", "角色启动时，如果端口已被占用或无法使用"],
  ] as const)("says in %s what an empty journal waits for", async (language, what) => {
    const host = await open("ready", "diagnostics", language);
    host.world.journal = [];
    host.emit({ type: "backend_exited", role: "agent", generation: 1, status: "exit status 0" });
    await pass();
    expect(find("page-diagnostics").textContent).toContain(what);
  });

  it("says of the one button that was pressed that it is at work, and lets the others wait", async () => {
    const host = await open("hub", "diagnostics");
    host.world.delay = 1000;
    await click("action-restart-agent");
    const said = (testid: string) => {
      const words = [...find(testid).querySelectorAll<HTMLElement>("span:not(.hidden)")];
      return words.map((word) => word.textContent?.trim()).join();
    };
    expect(said("action-restart-agent")).toBe("Working…");
    expect(said("action-stop-agent")).toBe("Stop the agent");
    expect(said("action-restart-hub")).toBe("Restart the hub");
    await click("action-stop-hub");
    expect(find("action-stop-hub").getAttribute("aria-disabled")).toBe("true");
    expect(host.asked).not.toContainEqual({ command: "stop", role: "hub" });
    await pass(1000);
    expect(said("action-restart-agent")).toBe("Restart the agent");
    // What is not said still takes its room, so that nothing beside it moves.
    expect(find("action-restart-agent").querySelectorAll("span")).toHaveLength(2);
  });

  it("keeps an opened record of the journal open when another one is written", async () => {
    const host = await open("ready", "diagnostics");
    const opened = find("journal").querySelector("details")!;
    opened.open = true;
    const [newest] = host.world.journal;
    // Two at the same moment are told apart by their order.
    host.world.journal = [{ ...newest!, at: newest!.at + 1000 }, newest!, ...host.world.journal];
    host.emit({ type: "backend_exited", role: "agent", generation: 1, status: "exit status 0" });
    await pass();
    const all = [...find("journal").querySelectorAll("details")];
    expect(all.map(({ open }) => open).indexOf(true)).toBe(2);
    expect(all[2]).toBe(opened);
  });

  it("stays with the log of a role that is tried again and again", async () => {
    const host = await open("hub", "diagnostics");
    const shown = () => (find("select-log") as HTMLSelectElement).value;
    const failure: Failure = { kind: "exited", status: "exit status 1", log: [] };
    const fails = async (role: "agent" | "hub", generation: number) => {
      host.emit({ type: "backend_backoff", role, generation, failure, wait_ms: 500, attempt: 1 });
      // While the other log is asked for, the box keeps its lines.
      expect(find("log").querySelectorAll("p").length).toBe(5);
      await pass();
    };
    const isTried = async (role: "agent" | "hub", generation: number) => {
      host.emit({ type: "takeover_started", role, generation, ports: [] });
      await pass();
    };
    expect(shown()).toBe("agent");
    await fails("hub", 1);
    expect(shown()).toBe("hub");
    await isTried("hub", 2);
    expect(shown()).toBe("hub");
    await fails("agent", 1);
    expect(shown()).toBe("hub");
    await fails("hub", 2);
    await isTried("hub", 3);
    expect(shown()).toBe("hub");
    const backend = { pid: 7, version: "4.0.0", base_url: "http://127.0.0.1:5690", ready_ms: 9 };
    host.emit({ type: "backend_ready", role: "hub", generation: 3, backend, ports: [] });
    await pass();
    expect(shown()).toBe("agent");
  });

  it("is opened at the log of the role whose log was asked for", async () => {
    const scroll = vi.spyOn(Element.prototype, "scrollIntoView").mockImplementation(() => {});
    const host = await open("conflict-other-role");
    expect(find("action-show-log").getAttribute("href")).toBe("#/diagnostics/log/agent");
    follow("#/diagnostics/log/hub");
    await pass();
    await pass();
    expect((find("select-log") as HTMLSelectElement).value).toBe("hub");
    expect(document.activeElement?.id).toBe("log");
    expect(scroll.mock.contexts.map((element) => (element as Element).id)).toEqual(["log"]);
    // What the page hears later moves nothing.
    host.push({ kind: "log", role: "hub", lines: [{ number: 9_000, level: "info", text: "later" }] });
    await pass();
    expect(find("log").textContent).toContain("later");
    expect(scroll).toHaveBeenCalledTimes(1);
    scroll.mockRestore();
  });

  it("searches the log, and shows it from a level up", async () => {
    await open("ready", "diagnostics");
    const lines = () => find("log").querySelectorAll("p").length;
    expect(lines()).toBe(5);
    await choose("select-level", "warn");
    expect(lines()).toBe(1);
    await choose("select-level", "trace");
    await type("log-search", "MONITORS");
    expect(lines()).toBe(2);
    await type("log-search", "nothing like that");
    expect(find("log").textContent).toContain("No line matches.");
  });
});

describe("closing the window", () => {
  it.each([
    ["en", "When TaskPaw quits, this machine is no longer watched and your machines are no longer polled."],
    ["zh-CN", "退出 TaskPaw 后，本机不再受监测，也不再轮询各台机器。"],
  ] as const)("says in %s what stops where both roles run", async (language, text) => {
    const host = await open("hub", "this-machine", language);
    host.emit({ type: "close_requested" });
    await pass();
    expect(find("close-question").querySelector("p")?.textContent).toBe(text);
  });

  it("asks what should happen, and remembers only what was decided", async () => {
    const host = await open("closing");
    expect(find("close-question").textContent).toContain("this machine is no longer watched");
    (find("close-remember") as HTMLInputElement).click();
    await click("close-stay");
    expect(host.asked).toContainEqual({ command: "answer_close", decision: "stay", remember: false });
    await pass();
    expect(has("close-question")).toBe(false);
    host.emit({ type: "close_requested" });
    await pass();
    (find("close-remember") as HTMLInputElement).click();
    await click("close-quit");
    expect(host.asked).toContainEqual({ command: "answer_close", decision: "quit", remember: true });
  });
});

describe("each conflict", () => {
  // The states that refuse, each with what is offered besides trying again and the log.
  it.each([
    ["conflict", "foreign", ["use-free-network"]],
    ["conflict-unknown", "unknown_holder", ["use-free-network"]],
    ["conflict-other-role", "own_other_role", ["use-free-network", "stop-other"]],
    ["conflict-other-installation", "own_other_installation", ["use-free-network"]],
    ["conflict-other-user", "own_other_user", ["use-free-network"]],
    ["conflict-lingering", "lingering", ["use-free-network"]],
    ["conflict-reserved", "reserved", ["use-free-network"]],
    ["conflict-permission", "permission_denied", ["use-free-network"]],
    ["conflict-address", "address_unavailable", ["this-machine-alone", "to-ports"]],
    ["conflict-collision", "self_collision", ["use-free-control"]],
    ["conflict-invalid", "invalid", ["to-ports"]],
  ] as const)("%s has its own sentence and its own ways out", async (scenario, state, actions) => {
    const said: string[] = [];
    for (const language of ["en", "zh-CN"] as const) {
      await open(scenario, "this-machine", language);
      const row = document.querySelector(`[data-state="${state}"]`);
      said.push(row?.textContent?.trim() ?? "");
      const offered = [...find("conflict").querySelectorAll("[data-testid^='action-']")].map((element) =>
        (element as HTMLElement).dataset["testid"]?.replace("action-", ""),
      );
      expect(offered.sort()).toEqual([...actions, "retry", "show-log"].sort());
      await close();
    }
    expect(new Set(said).size).toBe(2);
    expect(said.every(Boolean)).toBe(true);
  });

  it("lets this machine alone reach a port whose address has gone", async () => {
    const host = await open("conflict-address");
    await click("action-this-machine-alone");
    const port = host.asked.find(({ command }) => command === "apply_ports");
    expect(port).toMatchObject({ draft: [{ endpoint: { host: "127.0.0.1" } }], keep: true });
  });
});

describe("another version than before", () => {
  it("is said on the page that is open, for ten seconds or until it is closed", async () => {
    const host = await open("ready", "ports");
    const from = { version: "3.9.2", pid: 812, forced: false, ms: 30 };
    host.emit({ type: "handover_finished", from });
    await pass();
    expect(find("updated").textContent).toContain("Took over from 3.9.2 in 30 ms.");
    follow("#/fleet");
    await pass();
    expect(has("updated")).toBe(true);
    await click("action-close-updated");
    await pass();
    expect(has("updated")).toBe(false);
    await close();
    const again = await open("ready", "ports");
    again.emit({ type: "handover_finished", from });
    await pass(11_000);
    expect(has("updated")).toBe(false);
  });

  it("is given the page that is open", async () => {
    const host = await open("ready", "ports");
    expect(host.asked).toContainEqual({ command: "page_opened", page: "ports" });
    follow("#/fleet");
    await pass();
    expect(host.asked.at(-1)).toEqual({ command: "page_opened", page: "fleet" });
  });
});
