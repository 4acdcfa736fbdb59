// `npm run trial:clicks`: what a person does with the finished programs, click by click, in real windows: how many clicks and keys it takes,
// and how long. Nothing waits for a time, only for what the window shows. Linux, as root: each machine is a network namespace with all
// ports for itself. It needs Xvfb, dbus-daemon, python3-dbus, python3-gi, WebKitWebDriver and tauri-driver.
//   npm run trial:clicks -- [--programs target/debug] [--language zh-CN] [--pictures DIR]
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Claims } from "./lib/backend-trial.mjs";
import { Machine, RealWindow, until } from "./lib/real-window.mjs";
import { main } from "./lib/steps.mjs";
import { virtualDesktop } from "./lib/virtual-desktop.mjs";

const { values } = parseArgs({
  options: {
    programs: { type: "string", default: "target/debug" },
    language: { type: "string", default: "en" },
    pictures: { type: "string" },
  },
});
const APP = join(resolve(values.programs), "taskpaw");
/** The network that both machines are on: nobody else is. */
const [DESK, RENDER] = ["10.213.97.1", "10.213.97.2"];
/** What is promised: seconds and clicks. */
const PROMISED = {
  "from a first start to a watched log with progress": [60, 12],
  "a port is another one": [20, Infinity],
  "a second machine is in the fleet": [60, 8],
  "a monitor is made": [30, Infinity],
  "from a notification to the history of what it is about": [10, 1],
};
/** Keys as WebDriver names them. */
const [ENTER, CONTROL] = ["\uE007", "\uE009"];
/** What somebody fills in for a monitor of each kind; all else stays as it is proposed. */
const FILLED = {
  process: () => ({ pattern: "dbus-daemon" }),
  task: () => ({ pattern: "Xvfb" }),
  tcp_check: () => ({ port: "9" }),
  http_check: () => ({ url: "127.0.0.1:5990/ping" }),
  folder: (folder) => ({ path: folder }),
  log_pattern: (folder) => ({ path: join(folder, "render.log") }),
  state_file: (folder) => ({ path: join(folder, "state.json") }),
  heartbeat: (folder) => ({ path: join(folder, "heartbeat.json") }),
  custom_cmd: () => ({ command: "true" }),
  comfyui: () => ({}),
  dev_activity: () => ({}),
};
const testid = (name) => `[data-testid="${name}"]`;

await main(async () => {
  const claims = new Claims();
  const rows = [];
  const [desk, render] = [new Machine("desk"), new Machine("render")];
  const desktop = await virtualDesktop(["notifications"]);
  const bus = spawn("dbus-daemon", ["--session", "--nofork", "--print-address=1"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const address = await new Promise((done) => bus.stdout.once("data", (text) => done(`${text}`.trim())));
  const spoken = { LC_ALL: `${values.language.replace("-", "_")}.UTF-8`, LANGUAGE: "" };
  const open = (machine, env) => RealWindow.open(machine, APP, { ...desktop.env, ...spoken, ...env });

  /** One thing that somebody does, measured. */
  async function trial(name, what, windows, act) {
    const before = windows().map(({ clicks, keys }) => [clicks, keys]);
    const since = performance.now();
    const more = (await act()) ?? 0;
    const seconds = (performance.now() - since) / 1_000;
    const count = (place) =>
      windows().reduce(
        (sum, window, at) => sum + window[place ? "keys" : "clicks"] - (before[at]?.[place] ?? 0),
        0,
      );
    const [clicks, keys] = [count(0) + more, count(1)];
    const [most, mostClicks] = PROMISED[what];
    claims.that(
      seconds <= most && clicks <= mostClicks,
      `${name}: ${seconds.toFixed(1)} s, ${clicks} clicks`,
    );
    rows.push({
      what: name,
      seconds: seconds.toFixed(1),
      clicks,
      keys,
      "promised s": most,
      "promised clicks": mostClicks,
    });
    console.log(JSON.stringify(rows.at(-1)));
    if (values.pictures) {
      mkdirSync(values.pictures, { recursive: true });
      const file = `${String(rows.length).padStart(2, "0")}-${name.replaceAll(/[^a-z0-9]+/gi, "-")}.png`;
      writeFileSync(join(values.pictures, file), await windows()[0].picture());
    }
  }

  try {
    desk.connect(render, DESK, RENDER);
    const log = join(desk.folder, "render.log");
    writeFileSync(log, "");
    // The work that is watched goes on by itself, as a renderer does.
    let frame = 0;
    const rendering = setInterval(
      () => appendFileSync(log, `Fra:${(frame += 1)} ${Math.min(99, frame / 4)} %\n`),
      250,
    );
    let window;
    const own = () => (window ? [window] : []);

    let what = "from a first start to a watched log with progress";
    await trial(what, what, own, async () => {
      window = await open(desk, {});
      await window.click(testid("card-render"));
      await window.type(testid("field-path"), log);
      await window.click(testid("monitor-save"));
      await window.shows(`${testid("work")} progress`, "the progress of the log");
    });
    clearInterval(rendering);

    what = "a port is another one";
    await trial(what, what, own, async () => {
      await window.click(testid("nav-ports"));
      await window.type(testid("port-number-agent-network"), "5990");
      await window.click(`${testid("action-apply-agent")}[aria-disabled="false"]`);
      await window.shows(`${testid("apply-agent")}[data-step="kept"]`, "the agent serves on another port");
    });

    // Somebody who wants to be told says so once, where it is offered.
    await window.click(testid("nav-this-machine"));
    await window.click(testid("tell-me-on"));
    await window.click(testid("tell-me-done"));

    const kinds = await window.call({ command: "monitor_types" });
    for (const { type_id } of kinds.filter(({ always_on }) => !always_on)) {
      if (!(type_id in FILLED)) claims.that(false, `${type_id} is a kind that this trial does not know`);
      await trial(`a monitor is made: ${type_id}`, "a monitor is made", own, async () => {
        await window.click(testid("action-add-monitor"));
        await window.choose(testid("monitor-type"), type_id);
        for (const [key, text] of Object.entries(FILLED[type_id](desk.folder)))
          await window.type(testid(`field-${key}`), text);
        await window.type(testid("monitor-name"), `one ${type_id}`);
        await window.press(ENTER);
        await window.hides(testid("monitor-dialog"));
        const looked = `return [...document.querySelectorAll('${testid("monitor")}')].some((row) =>
          row.innerText.includes(arguments[0]) && row.dataset.state !== "unknown")`;
        await window.sees(`one ${type_id} has looked`, looked, `one ${type_id}`);
      });
    }

    let other;
    what = "a second machine is in the fleet";
    other = await open(render, { DBUS_SESSION_BUS_ADDRESS: address });
    await other.shows(testid("no-monitors"));
    await trial(
      what,
      what,
      () => [window, other],
      async () => {
        await other.click(testid("nav-settings"));
        await other.click(testid("pairing-open"));
        await other.click(testid("pairing-copy"));
        await other.sees(
          "the line is copied",
          `return document.querySelector('${testid("pairing-said")}')?.innerText !== ""`,
        );
        await window.click(testid("nav-fleet"));
        await window.click(testid("action-switch-on"));
        await window.click(testid("action-add-agent"));
        await window.shows(testid("pairing-paste"));
        await window.press("v", [CONTROL]);
        await window.shows(testid("paired"), "the machine is added");
        const there = `return [...document.querySelectorAll('${testid("fleet-agent")}')].length > 1`;
        await window.sees("its card", there);
      },
    );

    // Nobody listens there, and that is an alert.
    const broken = "one tcp_check";
    what = "from a notification to the history of what it is about";
    const told = await until("a notification of it", () =>
      desktop.said.find(
        ({ kind, title, body }) => kind === "notification" && `${title}${body}`.includes(broken),
      ),
    );
    await window.click(testid("nav-settings"));
    await trial(what, what, own, async () => {
      desktop.click(told.number);
      const link = `return location.hash === "#/this-machine/monitor/" + encodeURIComponent(arguments[0])`;
      await window.sees("the page of the monitor", link, broken);
      await window.shows(testid("history"), "its history");
      await window.shows(`${testid("chosen-event")}`, "the event that the notification was about");
      return 1;
    });
  } finally {
    bus.kill();
    for (const machine of [desk, render]) machine.end();
    desktop.close();
  }
  console.table(rows);
  claims.end();
});
