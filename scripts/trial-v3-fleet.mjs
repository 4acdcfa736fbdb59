// `npm run trial:v3-fleet -- --source DIR --python PYTHON [--programs DIR] [--hub july|later|ours] [--order 012]`: three
// agents of TaskPaw V3 are upgraded one after the other while a hub polls them, each with events before, between and
// after, and with kills; then it is counted what the hub has. About 50 s for each order, 18 of them in all.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "./lib/load.mjs";
import { RELEASE } from "./lib/programs.mjs";
import { main, run, say, StepError } from "./lib/steps.mjs";
import { configure, HELPERS, post, startReal, startStandIn } from "./lib/v3.mjs";

const ORDERS = ["012", "021", "102", "120", "201", "210"];
const HUBS = ["july", "later", "ours"];
/** Of each agent: so many folders are watched, and so many files come in each of its four parts. */
const [FOLDERS, PART] = [40, 500];
/** A busy machine needs that long for one part. */
const WITHIN_MS = 60_000;
/** Monitors look once a second; what is there when they begin is not new. */
const SETTLE_MS = 1_500;
const FILE = /\b\d-[a-d]-\d+\b/g;

await main(async () => {
  const { values } = parseArgs({
    options: {
      source: { type: "string" },
      python: { type: "string", default: "python3" },
      programs: { type: "string", default: RELEASE },
      hub: { type: "string" },
      order: { type: "string" },
      inside: { type: "boolean" },
    },
  });
  if (process.platform !== "linux")
    throw new StepError("V3 is started in folders of its own, which takes Linux.");
  if (!values.source) throw new StepError("Say where TaskPaw V3's source is: --source DIR --python PYTHON");
  if (!values.inside) return withoutLingering();
  const setup = {
    source: resolve(values.source),
    python: values.python,
    backend: resolve(values.programs, "taskpaw-backend"),
  };
  console.log(
    "| hub | order | events | in the hub | lost | twice | only in a killed V3's memory | pauses that were seen |",
  );
  console.log("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |");
  const load = () => `load average ${loadavg()[0].toFixed(1)}`;
  const before = load();
  let bad = 0;
  for (const kind of values.hub ? [values.hub] : HUBS)
    for (const order of values.order ? [values.order] : ORDERS) {
      const { told, stored, lost, twice, memory, pauses } = await fleet({ ...setup, kind, order });
      if (lost.length + twice.length > 0) bad += 1;
      console.log(
        `| ${kind} | ${order} | ${told} | ${stored} | ${lost.length} | ${twice.length} | ${memory} | ${pauses} |`,
      );
      if (lost.length > 0) say(`lost: ${lost.slice(0, 5)} … ${lost.at(-1)}`);
      if (twice.length > 0) say(`twice: ${twice.slice(0, 5)} … ${twice.at(-1)}`);
    }
  console.log(`\nAt the beginning ${before}, at the end ${load()}.\n`);
  return bad === 0 ? 0 : 1;
});

/**
 * Runs this again in a network of its own, in which no connection lingers: V3 cannot get its own port back for a minute
 * after it was killed, and that minute is not what is tried here.
 */
async function withoutLingering() {
  const alone = process.getuid() === 0 ? ["--net"] : ["--net", "--map-root-user"];
  const prepare = 'ip link set lo up && echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets && exec "$@"';
  const again = [process.execPath, ...process.argv.slice(1), "--inside"];
  const options = { stdio: ["ignore", "inherit", "inherit"] };
  await run("unshare", [...alone, "--", "sh", "-c", prepare, "sh", ...again], options);
}

async function fleet({ source, python, backend, kind, order }) {
  const folder = mkdtempSync(join(tmpdir(), "fleet-v3-"));
  const agents = [];
  const hub = { kind, source, python, backend, folder: join(folder, "hub") };
  try {
    for (const number of [0, 1, 2]) agents.push(await agentOf(number, { source, python, backend, folder }));
    await startHub(hub, agents);
    // What a V3 tells, and a kill: what was only in its memory is gone.
    await Promise.all(agents.map((agent) => tell(agent, "a")));
    for (const agent of agents) {
      await agent.process.end("SIGKILL");
      await startV3(agent);
    }
    if (kind === "later") {
      // The hub is brought to 3.9 while all agents are July's: its registrations are bound to nobody.
      await polled(hub, () => false, 2_000);
      await hub.process.end();
      await startHub(hub, agents, "3.9");
    }
    for (const place of order) {
      const agent = agents[place];
      await tell(agent, "b");
      await upgrade(agent);
      await tell(agent, "c", hub);
      await endOurs(agent, "SIGKILL");
      await startOurs(agent);
      await tell(agent, "d", hub);
    }
    const adopted = kind === "later" ? [await adopt(hub, agents)] : [];
    const kept = agents.flatMap(({ number }) => ["b", "c", "d"].flatMap((part) => names(number, part)));
    await polled(hub, (have) => kept.every((name) => have.has(name)), WITHIN_MS);
    const pauses = [...adopted, ...(await shown(hub, agents))].join("; ") || "none";
    const have = counted(hub);
    const first = agents.flatMap(({ number }) => names(number, "a"));
    return {
      told: kept.length + first.length,
      stored: have.size,
      lost: kept.filter((name) => !have.has(name)),
      twice: [...have].filter(([, count]) => count > 1).map(([name]) => name),
      memory: first.filter((name) => !have.has(name)).length,
      pauses,
    };
  } finally {
    for (const { process: one } of [hub, ...agents]) await one?.end("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function agentOf(number, { source, python, backend, folder }) {
  const home = join(folder, `agent-${number}`);
  const [network, control] = await freePorts(2);
  const monitors = Array.from({ length: FOLDERS }, (_, place) => {
    const path = join(home, "watched", `${place}`);
    mkdirSync(path, { recursive: true });
    const settings = { path, poll_interval: 1, stable_seconds: 0, max_events_per_minute: 100_000 };
    return { type_id: "folder", name: `m${place}`, config: { name: `m${place}`, ...settings } };
  });
  const ports = { bind_port: network, control_port: control, host_metrics: false };
  configure(home, "agent", { server_id: `old-${number}`, machine: `old-${number}`, ...ports, monitors });
  const agent = { number, home, source, python, backend, network, control, isOurs: false };
  await startV3(agent);
  return agent;
}

async function startV3(agent) {
  agent.process = await startReal(agent.source, agent.home, [agent.python, "-m", "taskpaw_v3.agent"]);
  await sleep(SETTLE_MS);
}

function environment({ home }) {
  return {
    ...process.env,
    HOME: home,
    TASKPAW_CONFIG_DIR: join(home, "v4"),
    TASKPAW_DATA_DIR: join(home, "data"),
    TASKPAW_V3_DIR: join(home, "config"),
  };
}

/** Ours takes over what runs there, or starts again. */
async function startOurs(agent, role = "agent") {
  const child = spawn(agent.backend, [role], { env: environment(agent), stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((done) => child.once("exit", done));
  let said = "";
  child.stderr.on("data", (data) => (said += data));
  await new Promise((ready, failed) => {
    child.stdout.on("data", (line) => `${line}`.includes("taskpaw_ready") && ready());
    ended.then((code) => failed(new StepError(`ours ended with ${code}: ${said.slice(-2_000)}`)));
  });
  agent.process = {
    end: (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
  await sleep(SETTLE_MS);
}

async function upgrade(agent) {
  const old = agent.process;
  await startOurs(agent);
  agent.isOurs = true;
  await old.end();
}

async function endOurs(agent, signal) {
  await agent.process.end(signal);
}

/** The files of one part, spread over all folders; waits until the agent's disk says that it has seen them. */
async function tell(agent, part, hub) {
  const { number, home } = agent;
  names(number, part).forEach((name, place) =>
    writeFileSync(join(home, "watched", `${place % FOLDERS}`, name), name),
  );
  const state = join(home, "config", "agent.state.json");
  const journal = join(home, "data", "state", "agent-events.jsonl");
  const before = agent.isOurs ? 0 : (agent.told ?? 0);
  await until(`part ${part} of agent ${number}`, () => {
    if (!agent.isOurs)
      return existsSync(state) && JSON.parse(readFileSync(state, "utf8")).next_event_id > before + PART;
    const durable = new Set(existsSync(journal) ? readFileSync(journal, "utf8").match(FILE) : []);
    const have = counted(hub);
    return names(number, part).every((name) => durable.has(name) || have.has(name));
  });
  agent.told = before + PART;
}

function names(number, part) {
  return Array.from({ length: PART }, (_, place) => `${number}-${part}-${place}`);
}

async function startHub(hub, agents, protocol = "july") {
  const [port] = await freePorts(1);
  const database = join(hub.folder, "hub.db");
  mkdirSync(hub.folder, { recursive: true });
  if (hub.kind === "ours") {
    const config = join(hub.folder, "v4");
    mkdirSync(config, { recursive: true });
    const polled = agents.map(({ number, network }) => ({
      name: `a${number}`,
      url: `http://127.0.0.1:${network}`,
    }));
    const api = { api: { host: "127.0.0.1", port }, poll_seconds: 1, discovery: false, agents: polled };
    writeFileSync(join(config, "config.json"), JSON.stringify({ schema: 1, roles: ["hub"], hub: api }));
    hub.home = hub.folder;
    await startOurs(hub, "hub");
  } else if (hub.kind === "later") {
    const polled = agents.flatMap(({ network }) => ["--agent", `${network}`]);
    const words = [
      "taskpaw_v3.hub",
      `${port}`,
      ...polled,
      "--interval",
      "1",
      "--db",
      database,
      "--protocol",
      protocol,
    ];
    hub.process = await startStandIn(hub.python, words);
  } else {
    const settings = {
      machine: "hub",
      bind_port: port,
      poll_interval: 1,
      self_monitor: false,
      data_dir: hub.folder,
    };
    configure(hub.folder, "hub", settings);
    hub.process = await startReal(hub.source, hub.folder, [hub.python, "-m", "taskpaw_v3.hub", "run"]);
    for (const { number, network } of agents)
      await post(port, "/servers", { name: `a${number}`, ip: "127.0.0.1", port: network });
  }
  hub.port = port;
}

/** What 3.9 demands, once for each agent, with its own three commands; tells what was shown before. */
async function adopt(hub, agents) {
  await sleep(2_000);
  const { servers } = await (await fetch(`http://127.0.0.1:${hub.port}/status`)).json();
  const reasons = new Set(servers.map(({ event_channel }) => event_channel?.reason ?? "none"));
  await hub.process.end();
  const database = join(hub.folder, "hub.db");
  const offline = (...words) => {
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1" };
    const ran = spawnSync(hub.python, ["-m", "taskpaw_v3.hub", "--db", database, ...words], {
      cwd: HELPERS,
      env,
      encoding: "utf8",
    });
    if (ran.status !== 0) throw new StepError(`${words.join(" ")}: ${ran.stderr}`);
  };
  for (const [place, agent] of agents.entries()) {
    const [id, report] = [`${place + 1}`, join(agent.home, "report.json")];
    execFileSync(agent.backend, ["agent", "--export-cursor", report], { env: environment(agent) });
    offline("disable-server", "--id", id);
    offline("adopt-event-cursor", "--id", id, "--state-report", report);
    offline("enable-server", "--id", id);
  }
  await startHub(hub, agents, "3.9");
  return `${[...reasons].join(", ")}; ended by adoption`;
}

/** What a person is shown: holes in the numbers and machines that are other ones by our hub, refusals by our agents. */
async function shown(hub, agents) {
  const ask = async (port, path, token = "") =>
    (
      await fetch(`http://127.0.0.1:${port}${path}`, { headers: { authorization: `Bearer ${token}` } })
    ).json();
  const words = [];
  if (hub.kind === "ours")
    for (const { name, error, missed_events: hole, installed_anew_seconds: anew } of (
      await ask(hub.port, "/status")
    ).agents) {
      if (error) words.push(`${name}: ${error}`);
      if (hole) words.push(`${name}: ${hole.first} to ${hole.last} were never told`);
      if (typeof anew === "number") words.push(`${name}: installed anew`);
    }
  for (const { number, control, home } of agents) {
    const token = readFileSync(join(home, "data", "state", "control.token"), "utf8").trim();
    for (const { ack, offered } of (await ask(control, "/control/status", token)).event_refusals ?? [])
      words.push(`agent ${number} refused ${ack}, beyond ${offered}`);
  }
  return words;
}

/** How often each file is in the hub's database. */
function counted({ kind, folder }) {
  const database = kind === "ours" ? join(folder, "data", "state", "hub.db") : join(folder, "hub.db");
  const ask =
    "import sqlite3,sys\nfor row in sqlite3.connect(f'file:{sys.argv[1]}?mode=ro',uri=True,timeout=10).execute('SELECT message FROM events'): print(row[0])";
  const told = execFileSync("python3", ["-c", ask, database], { encoding: "utf8", maxBuffer: 1 << 26 });
  const have = new Map();
  for (const name of told.match(FILE) ?? []) have.set(name, (have.get(name) ?? 0) + 1);
  return have;
}

async function polled(hub, isEnough, withinMs) {
  const deadline = performance.now() + withinMs;
  while (!isEnough(counted(hub)) && performance.now() < deadline) await sleep(500);
}

async function until(what, isSo) {
  const deadline = performance.now() + WITHIN_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new StepError(`waited ${WITHIN_MS / 1000} s for ${what}`);
    await sleep(250);
  }
}
