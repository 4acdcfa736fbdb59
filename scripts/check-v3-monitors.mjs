// `npm run check:v3-monitors -- --source DIR [--python PYTHON] [--seconds 120] [--program FILE]`: TaskPaw V3 and this version watch
// the same things with the same agent.yaml: each monitor of V3's examples, presets and app. Says what differs.
// DIR is a checkout of V3, PYTHON an interpreter that has V3's dependencies.
import { spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePorts } from "./lib/load.mjs";
import { main, ROOT, say, StepError } from "./lib/steps.mjs";
import { configure, startReal } from "./lib/v3.mjs";

/** What is known to differ, and why: everything else that differs fails the check. */
const KNOWN = {
  "folder, states": "ok all the time in V3; here idle, and running while a file arrives",
  "comfyui, events": "here a queue that goes on again is told, so that its alert has an end",
  "dev, states": "unknown in V3 while none runs; here idle",
  "state file, states":
    "here degraded while busy for too long, and at the first look at a file that cannot be read",
  "state file, events": "here a file that cannot be read is told, and that it can be again",
  "heartbeat, states": "here degraded for the first 5 s, in which a file may just be written",
};

await main(async () => {
  const { values } = parseArgs({
    options: {
      source: { type: "string" },
      python: { type: "string", default: "python3" },
      seconds: { type: "string", default: "120" },
      program: { type: "string", default: join(ROOT, "target", "debug", "taskpaw-backend") },
    },
  });
  const source = values.source && resolve(values.source);
  if (!source || !existsSync(join(source, "taskpaw_v3", "agent")))
    throw new StepError(
      "Say where TaskPaw V3's source is: npm run check:v3-monitors -- --source DIR [--python PYTHON]",
    );
  const python = values.python.includes("/") ? resolve(values.python) : values.python;
  const work = mkdtempSync(join(tmpdir(), "check-v3-monitors-"));
  const world = await makeWorld(work, python);
  const agents = [];
  try {
    agents.push(await startV3(work, source, python, world.monitors));
    agents.push(await startOurs(work, resolve(values.program), world.monitors));
    const seen = await watch(agents, world, Number(values.seconds));
    return compare(...seen);
  } finally {
    for (const agent of agents) await agent.end();
    world.end();
    rmSync(work, { recursive: true, force: true });
  }
});

/** Everything that is watched, and what happens to it: steps, spread over the time. */
async function makeWorld(work, python) {
  const at = (name) => join(work, name);
  const [port, comfyPort] = await freePorts(2);
  const children = new Map();
  const start = (name, command, args, options) =>
    children.set(name, spawn(command, args, { stdio: "ignore", ...options }));
  const end = (name) => children.get(name)?.kill("SIGKILL");
  const daemon = () => start("daemon", "sleep", ["3600"], { argv0: "PM2 v5.3.0: God" });
  const script = () =>
    start("script", python, ["-c", "import time; time.sleep(3600)", "/x/strategy_orchestrator.py"]);
  let listener;
  const listen = () => (listener = createServer((socket) => socket.destroy()).listen(port, "127.0.0.1"));
  const json = (file, value) => writeFileSync(at(file), JSON.stringify(value));
  const beat = (value = {}) =>
    json("beat.json", { next_check_due_utc: new Date(Date.now() + 4_000).toISOString(), ...value });
  const word = (state) => json("state.json", { state, ts: Date.now() / 1000 });
  const activity = (tool, state) =>
    json(`activity/agent-activity-${tool}.json`, { tool, state, session: "s", ts: Date.now() / 1000 });

  const comfy = { running: [], pending: [], history: {} };
  const entry = (id) => [1, id, { 3: { class_type: "KSampler" } }, {}, ["9"]];
  const server = createHttpServer((request, answer) => {
    const body = request.url.startsWith("/queue")
      ? { queue_running: comfy.running.map(entry), queue_pending: comfy.pending.map(entry) }
      : comfy.history;
    answer.setHeader("content-type", "application/json");
    answer.setHeader("connection", "close");
    answer.end(JSON.stringify(body));
  }).listen(comfyPort, "127.0.0.1");
  const queue = (running, pending) => Object.assign(comfy, { running, pending });
  const fail = (id, message) => {
    const error = ["execution_error", { prompt_id: id, exception_message: message }];
    comfy.history[id] = { status: { status_str: "error", completed: false, messages: [error] } };
  };

  mkdirSync(at("downloads"));
  mkdirSync(at("activity"));
  writeFileSync(at("downloads/old.mp4"), "old");
  writeFileSync(at("comfyui.log"), "Traceback (most recent call last): of yesterday\n");
  daemon();
  script();
  listen();
  beat();
  const monitor = (type_id, name, config) => ({
    type_id,
    name,
    config: { name, poll_interval: 1, ...config },
  });
  const monitors = [
    monitor("process", "daemon", { pattern: "^PM2.*God\\b", search_cmdline: true }),
    monitor("process", "script", { pattern: "strategy_orchestrator\\.py" }),
    monitor("process", "look ahead", { pattern: "PM2(?=.*God)(?!.*Devil)" }),
    monitor("tcp_check", "tcp", { port, timeout: 5 }),
    monitor("heartbeat", "heartbeat", { path: at("beat.json"), grace_seconds: 2 }),
    monitor("folder", "folder", { path: at("downloads"), extensions: ["mp4", "mkv"], stable_seconds: 5 }),
    monitor("state_file", "state file", { path: at("state.json"), busy_alert_seconds: 6 }),
    monitor("custom_cmd", "command", { command: `sh -c "test -f '${at("well")}'"`, timeout: 5 }),
    monitor("comfyui", "comfyui", {
      host: "127.0.0.1",
      port: comfyPort,
      idle_confirm: 2,
      stuck_checks: 5,
      comfyui_log_path: at("comfyui.log"),
    }),
    monitor("dev_activity", "dev", {
      tools: ["claude", "mine"],
      state_dir: at("activity"),
      freshness_seconds: 8,
      process_patterns: { claude: "no-such-assistant-here" },
    }),
  ];
  const steps = [
    () => writeFileSync(at("well"), ""),
    () => end("daemon"),
    () => beat(),
    () => writeFileSync(at("downloads/new.mp4"), "part"),
    () => appendFileSync(at("downloads/new.mp4"), " and the rest"),
    () => writeFileSync(at("downloads/other.txt"), "not this one"),
    () => daemon(),
    () => listener.close(),
    () => word("busy"),
    () => queue(["a"], ["b"]),
    () => activity("claude", "busy"),
    () => end("script"),
    () => queue(["b"], []),
    () => listen(),
    () => word("waiting"),
    () => queue([], []),
    () => activity("claude", "waiting"),
    () => script(),
    () => word("busy"),
    () => beat({ status: "hibernating" }),
    () => fail("c", "Allocation on device"),
    () => queue([], ["d"]),
    () => activity("mine", "idle"),
    () => unlinkSync(at("well")),
    () => writeFileSync(at("downloads/late.mkv"), "late"),
    () => word("idle"),
    () => queue(["d"], []),
    () => beat(),
    () => writeFileSync(at("well"), ""),
    () => {},
    () => queue([], []),
    () => writeFileSync(at("state.json"), "no JSON"),
    () => word("idle"),
    () => beat(),
    () => beat(),
  ];
  return {
    monitors,
    steps,
    end: () => {
      for (const name of children.keys()) end(name);
      server.close();
      listener.close();
    },
  };
}

async function startV3(work, source, python, monitors) {
  const [network, control] = await freePorts(2);
  const folder = join(work, "v3");
  configure(folder, "agent", settings(network, control, monitors));
  const backend = await startReal(source, folder, [python, "-m", "taskpaw_v3.agent"]);
  return { name: "V3", network, end: () => backend.end("SIGKILL") };
}

/** It takes over V3's file as on a first start. */
async function startOurs(work, program, monitors) {
  const [network, control] = await freePorts(2);
  const folder = join(work, "ours");
  configure(folder, "agent", settings(network, control, monitors));
  const child = spawn(program, ["agent"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      ...process.env,
      TASKPAW_CONFIG_DIR: join(folder, "own"),
      TASKPAW_DATA_DIR: join(folder, "data"),
      TASKPAW_V3_DIR: join(folder, "config"),
    },
  });
  let log = "";
  child.stderr.on("data", (text) => (log += text));
  const ended = new Promise((resolve) => child.on("close", resolve));
  for (let tries = 0; !(await get(network, "/ping")); tries += 1) {
    if (tries > 200 || child.exitCode !== null) throw new StepError(`the backend does not start:\n${log}`);
    await sleep(100);
  }
  const lost = log.split("\n").filter((line) => line.includes("not taken over"));
  for (const line of lost) console.log(`OTHER  the import: ${line}`);
  return {
    name: "ours",
    network,
    lost: lost.length,
    end: () => {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

function settings(network, control, monitors) {
  const ports = { bind_port: network, control_port: control };
  return { server_id: "one", machine: "box", host_metrics: false, ...ports, monitors };
}

async function get(port, path) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
    return await answer.json();
  } catch {
    return null;
  }
}

/** The states of each monitor in turn, and the levels of its events. */
async function watch(agents, { monitors, steps }, seconds) {
  const seen = agents.map(() => new Map(monitors.map(({ name }) => [name, []])));
  const look = async () => {
    const all = await Promise.all(agents.map(({ network }) => get(network, "/status")));
    for (const [which, status] of all.entries())
      for (const [name, states] of seen[which]) {
        const state = status?.monitors?.[name]?.state;
        if (state && states.at(-1) !== state) states.push(state);
      }
  };
  const begin = Date.now();
  for (const [number, step] of steps.entries()) {
    say(`step ${number + 1} of ${steps.length}`);
    const until = begin + ((number + 1) * seconds * 1000) / steps.length;
    while (Date.now() < until) {
      await look();
      await sleep(250);
    }
    step();
  }
  for (const end = Date.now() + 15_000; Date.now() < end; await sleep(250)) await look();
  const events = await Promise.all(agents.map(({ network }) => get(network, "/events?ack=-1")));
  return agents.map(({ name, lost = 0 }, which) => ({
    name,
    lost,
    monitors: Object.fromEntries(
      [...seen[which]].flatMap(([monitor, states]) => {
        const own = events[which].events.filter((event) => event.monitor === monitor);
        return [
          // What is there before the first look is no state of what is watched.
          [`${monitor}, states`, states.filter((state, at) => at > 0 || state !== "unknown").join(" ")],
          [`${monitor}, events`, own.map(({ level, message }) => `${level} (${message})`)],
        ];
      }),
    ),
  }));
}

function compare(real, ours) {
  let other = ours.lost;
  for (const [what, one] of Object.entries(real.monitors)) {
    const two = ours.monitors[what];
    const short = (said) => (Array.isArray(said) ? said.map((text) => text.split(" ")[0]).join(" ") : said);
    const long = (said) => (Array.isArray(said) ? said.join("; ") : said);
    if (short(one) === short(two)) {
      console.log(`same   ${what}: ${short(one)}`);
      continue;
    }
    const known = KNOWN[what];
    if (!known) other += 1;
    console.log(
      `${known ? "known " : "OTHER "} ${what}${known ? `: ${known}` : ""}\n         V3:   ${long(one)}\n         ours: ${long(two)}`,
    );
  }
  say(other === 0 ? "nothing differs that is not known" : `${other} differ`);
  return other === 0 ? 0 : 1;
}
