// `npm run measure`: how large the backend is, how soon it is ready, what it takes while nothing happens, and how it
// bears a fleet of 300 agents and 5,000 requests a second. It takes three minutes, and says which limits are kept.
// `npm run measure -- --window`: how soon the window is visible, beside an empty one, and how soon the agent answers.
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connect, freePorts, requests, until } from "./lib/load.mjs";
import { playFleet } from "./lib/fleet.mjs";
import { buildPrograms, ensureNodeModules, PROGRAMS, RELEASE } from "./lib/programs.mjs";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

const LAUNCHES = 21;
/** After this, an idle backend has looked at the machine several times. */
const IDLE_MS = 10_000;
/** For so long it is counted what it takes of a processor. */
const IDLE_CPU_MS = 60_000;
const LOAD = { perSecond: 5_000, seconds: 10 };
const FLEET = { answering: 280, mute: 20 };
const MIB = 1024 * 1024;
const BACKEND = join(RELEASE, PROGRAMS[1]);

await main(async () => {
  const { values } = parseArgs({ options: { window: { type: "boolean" } } });
  return values.window ? measureWindow() : measureBackend();
});

async function measureWindow() {
  if (process.platform !== "linux") throw new StepError("This needs a virtual display: run it on Linux.");
  await ensureSystem({ virtualDisplay: true });
  await ensureNodeModules();
  await buildPrograms("taskpaw-empty-window");
  await run("cargo", ["build", "--locked", "-p", "taskpaw-tests", "--bin", "measure-window"]);
  say("measuring");
  const env = { ...process.env, TASKPAW_TEST_PROGRAMS: RELEASE };
  const program = join(ROOT, "target", "debug", "measure-window");
  await run(program, [join(RELEASE, "empty-window")], { env, stdio: "inherit" });
}

async function measureBackend() {
  if (process.platform !== "linux")
    throw new StepError("What a process takes is read from /proc: run it on Linux.");
  await ensureSystem();
  await ensureNodeModules();
  await buildPrograms();
  const rows = [];
  /** A number and its limit; what is not below it is missed. */
  const row = (what, measured, limit, unit, more = "") => rows.push({ what, measured, limit, unit, more });
  row("the program, stripped", statSync(BACKEND).size / MIB, 10, "MiB");
  await inFolder(async (folder, ports) => {
    for (const role of ["agent", "hub"]) await measureIdle(role, folder, row);
    await measureLoad(folder, ports, row);
  });
  await inFolder(async (folder, ports) => measureFleet(folder, ports, row));
  console.log(
    `${PROGRAMS[1]} on ${cpus().length} × ${cpus()[0].model.trim()}, load average ${loadavg()[0].toFixed(1)}, ${LAUNCHES - 1} launches each`,
  );
  for (const { what, measured, limit, unit, more } of rows) {
    const kept = measured <= limit ? "" : "  MISSED";
    const number = measured.toPrecision(3);
    console.log(`${what.padEnd(46)} ${number.padStart(8)} ${unit.padEnd(5)} (limit ${limit})${more}${kept}`);
  }
  return rows.some(({ measured, limit }) => measured > limit) ? 1 : 0;
}

/** A machine of its own: its folder, its free ports, a configuration with these agents. */
async function inFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-measure-"));
  try {
    const [network, control, api] = await freePorts(3);
    mkdirSync(join(folder, "config"));
    configure(folder, { network, control, api });
    await body(folder, { network, control, api });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function configure(folder, { network, control, api }, hub = {}) {
  const endpoint = (port) => ({ host: "127.0.0.1", port });
  const config = {
    agent: { server_id: "measured", network: endpoint(network), control: endpoint(control) },
    hub: { api: endpoint(api), ...hub },
  };
  writeFileSync(join(folder, "config", "config.json"), JSON.stringify(config));
}

async function measureIdle(role, folder, row) {
  say(`${role}: ${LAUNCHES - 1} launches, then ${(IDLE_MS + IDLE_CPU_MS) / 1000} s of nothing`);
  const ready = [];
  for (let launch = 1; launch < LAUNCHES; launch += 1) {
    const backend = await launched(role, folder);
    ready.push(backend.readyMs);
    await backend.stop();
  }
  ready.sort((a, b) => a - b);
  const slowest = `, slowest ${ready.at(-1).toFixed(1)} ms`;
  row(`${role}: from the spawn to ready, median`, ready[Math.floor(ready.length / 2)], 60, "ms", slowest);
  const backend = await launched(role, folder);
  await sleep(IDLE_MS);
  row(`${role}: resident when idle`, resident(backend.pid) / MIB, 15, "MiB");
  const before = processorMs(backend.pid);
  await sleep(IDLE_CPU_MS);
  const share = (100 * (processorMs(backend.pid) - before)) / IDLE_CPU_MS;
  row(`${role}: of one core, over ${IDLE_CPU_MS / 1000} s`, share, 0.3, "%");
  await backend.stop();
}

async function measureLoad(folder, { network }, row) {
  say(`agent: ${LOAD.perSecond} requests a second for ${LOAD.seconds} s`);
  const backend = await launched("agent", folder);
  // Clients that never finish their request, and that never read: they must hold nobody up.
  const odd = Array.from({ length: 20 }, (_, place) => {
    const socket = connect(network).pause();
    socket.write(place % 2 ? "GET /sta" : "GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    return socket;
  });
  const half = { ...LOAD, seconds: LOAD.seconds / 2 };
  const first = await requests(network, "/status", half);
  const before = resident(backend.pid);
  const second = await requests(network, "/status", half);
  const grown = Math.max(0, resident(backend.pid) - before);
  odd.forEach((socket) => socket.destroy());
  await backend.stop();
  const answered = (first.answered + second.answered) / LOAD.seconds;
  row("agent: requests in each second that it missed", LOAD.perSecond - answered, LOAD.perSecond / 100, "");
  row("agent: requests that failed", first.failed + second.failed, 0, "");
  row("agent: memory grown in the second half", grown / MIB, 1, "MiB");
}

async function measureFleet(folder, ports, row) {
  say(`hub: ${FLEET.answering} agents that answer, ${FLEET.mute} that do not`);
  const fleet = await playFleet(FLEET);
  try {
    const agents = fleet.ports.map((port, place) => ({ name: `a${place}`, url: `http://127.0.0.1:${port}` }));
    configure(folder, ports, { poll_seconds: 3, agents });
    const backend = await launched("hub", folder);
    const status = async () => (await fetch(`http://127.0.0.1:${ports.api}/status`)).json();
    const since = performance.now();
    await until(20_000, async () => {
      const known = (await status()).agents;
      const online = known.filter((agent) => agent.online).length;
      return online === FLEET.answering && known.filter((agent) => agent.error).length === FLEET.mute;
    });
    row("hub: a full poll of 300 agents", performance.now() - since, 2_000, "ms");
    // Twenty polls, as in a minute of an ordinary hub and more.
    await sleep(60_000);
    row("hub: an agent that was late, at most", fleet.latestMs(3_000), 750, "ms");
    const calls = [];
    for (let call = 0; call < 101; call += 1) {
      const asked = performance.now();
      // To the last byte: what is done with it is the reader's own.
      await (await fetch(`http://127.0.0.1:${ports.api}/status`)).arrayBuffer();
      calls.push(performance.now() - asked);
    }
    calls.sort((a, b) => a - b);
    row("hub: the fleet call, median", calls[50], 10, "ms", `, p95 ${calls[96].toFixed(1)} ms`);
    row("hub: resident with 300 agents", resident(backend.pid) / MIB, 60, "MiB");
    await backend.stop();
  } finally {
    fleet.end();
  }
}

/** Bytes. */
function resident(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
}

/** What all threads of a process have had of a processor, in milliseconds. */
function processorMs(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const ns = (thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  return threads.reduce((sum, thread) => sum + ns(thread) / 1e6, 0);
}

/** Starts a backend as a host does, and waits for its line. */
async function launched(role, folder) {
  const env = { ...process.env, TASKPAW_HOST: "stdin", TASKPAW_DATA_DIR: join(folder, "data") };
  const started = performance.now();
  const child = spawn(BACKEND, [role], { env, stdio: ["pipe", "pipe", "ignore"] });
  const hello = {
    taskpaw_host: 1,
    host_version: "measure",
    control_token: "t",
    config_dir: join(folder, "config"),
  };
  child.stdin.write(`${JSON.stringify(hello)}\n`);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const line = await new Promise((resolve) => child.stdout.once("data", resolve));
  const readyMs = performance.now() - started;
  if (!JSON.parse(line).taskpaw_ready) throw new StepError(`the backend is not ready: ${line}`);
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  return { pid: child.pid, readyMs, stop };
}
