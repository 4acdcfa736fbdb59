// `npm run check:v3 -- --source DIR [--python PYTHON]`: whether the stand-ins of the tests do what TaskPaw V3 does.
// DIR is a checkout of V3, PYTHON an interpreter that has V3's dependencies. Both are started side by side.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "./lib/load.mjs";
import { main, ROOT, say, StepError } from "./lib/steps.mjs";
import { configure, post, startReal, startStandIn } from "./lib/v3.mjs";

/** Longer than any wait of V3's own that is looked for here. */
const WITHIN_MS = 20_000;
/** A connection on which nothing was asked is kept longer than one that is waited on. */
const SILENT_MS = 7_000;
/** V3 polls no more often. */
const POLL_S = 1;

await main(async () => {
  const { values } = parseArgs({
    options: { source: { type: "string" }, python: { type: "string", default: "python3" } },
  });
  if (process.platform !== "linux")
    throw new StepError("This check looks at sockets as Linux shows them: run it there.");
  const source = values.source && resolve(values.source);
  if (!source || !existsSync(join(source, "taskpaw_v3", "agent")))
    throw new StepError(
      "Say where TaskPaw V3's source is: npm run check:v3 -- --source DIR [--python PYTHON]",
    );
  const python = values.python.includes("/") ? resolve(values.python) : values.python;
  const work = mkdtempSync(join(tmpdir(), "check-v3-"));
  try {
    const seen = {};
    for (const [name, is] of [
      ["V3", true],
      ["stand-in", false],
    ]) {
      say(`${name}: agent`);
      const agent = await lookAtAgent(agentOf(is, source, python, join(work, `${name}-agent`)));
      say(`${name}: hub`);
      seen[name] = { ...agent, ...(await lookAtHub(hubOf(is, source, python, join(work, `${name}-hub`)))) };
    }
    return compare(seen.V3, seen["stand-in"]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});

/** Prints one row for each thing that was looked at; 1 if any differs. */
function compare(real, ours) {
  const rows = Object.keys(real).map((what) => [
    what,
    JSON.stringify(real[what]),
    JSON.stringify(ours[what]),
  ]);
  for (const [what, one, other] of rows)
    console.log(
      one === other
        ? `same   ${what}: ${one}`
        : `OTHER  ${what}\n         V3:       ${one}\n         stand-in: ${other}`,
    );
  const other = rows.filter(([, one, two]) => one !== two).length;
  say(other === 0 ? `all ${rows.length} are the same` : `${other} of ${rows.length} differ`);
  return other === 0 ? 0 : 1;
}

/** How an agent is started, and made to tell something. */
function agentOf(isReal, source, python, folder) {
  const watched = join(folder, "watched");
  mkdirSync(watched, { recursive: true });
  const state = join(folder, "config", "agent.state.json");
  let files = 0;
  return {
    state,
    start: async () => {
      const [network, control] = await freePorts(2);
      const ports = { bind_port: network, control_port: control, host_metrics: false };
      const monitor = { name: "folder", path: watched, poll_interval: 1, stable_seconds: 0 };
      const monitors = [{ type_id: "folder", name: "folder", config: monitor }];
      configure(folder, "agent", { server_id: "old-1", machine: "old", ...ports, monitors });
      const words = ["taskpaw_v3.agent", `${network}`, `${control}`, "--folder", join(folder, "config")];
      const backend = isReal
        ? await startReal(source, folder, [python, "-m", words[0]])
        : await startStandIn(python, words);
      return { ...backend, network, control };
    },
    tell: (backend) => {
      files += 1;
      if (isReal) writeFileSync(join(watched, `${files}.bin`), "done");
      else backend.tell(`${files}.bin (4 bytes)`);
    },
  };
}

async function lookAtAgent({ start, tell, state }) {
  const seen = {};
  let agent = await start();
  const ask = (path, headers) => get(agent.network, path, headers);
  const ids = async (query) => (await ask(`/events${query}`)).body.events?.map(({ id }) => id);
  const tellUntil = async (last) => {
    tell(agent);
    await until(`event ${last}`, async () => (await ids("?ack=-1")).includes(last));
  };
  try {
    seen["agent /ping"] = (await ask("/ping")).body;
    seen["agent /status before any event"] = shape((await ask("/status")).body);
    seen["agent /control/ping"] = (await get(agent.control, "/control/ping")).body;
    seen["agent /nowhere"] = await ask("/nowhere");
    seen["agent, headers of an answer"] = (await raw(agent.network, "/ping", "keep-alive")).headers;
    seen["agent.state.json before any event"] = existsSync(state);
    await tellUntil(1);
    await tellUntil(2);
    await tellUntil(3);
    seen["agent /status after an event"] = shape((await ask("/status")).body);
    seen["agent, an event"] = shape((await ask("/events?ack=-1")).body);
    seen["agent, its first numbers"] = await ids("?ack=-1");
    seen["agent.state.json"] = JSON.parse(readFileSync(state, "utf8"));
    seen["agent, ack 1, then 1 again, then -1"] = [
      await ids("?ack=1"),
      await ids("?ack=1"),
      await ids("?ack=-1"),
    ];
    const large = await ask("/events?ack=99");
    seen["agent, ack 99 of 3, then -1"] = [large.status, large.body, await ids("?ack=-1")];
    await tellUntil(4);
    seen["agent, ack abc"] = [(await ask("/events?ack=abc")).status, await ids("?ack=-1")];
    seen["agent, no ack, then -1"] = [await ids(""), await ids("?ack=-1")];
    seen["agent, closing"] = await closing(agent.network);
    seen["agent, its sockets"] = await options(agent);
    await tellUntil(5);
    seen["agent, asked to end"] = await ending(agent, agent.network);
    agent = await start();
    seen["agent, its queue after a restart"] = await ids("?ack=-1");
    await tellUntil(6);
    seen["agent, its numbers after a restart"] = await ids("?ack=-1");
    await agent.end("SIGKILL");
    agent = await start();
    await tellUntil(7);
    seen["agent, its numbers after a kill"] = await ids("?ack=-1");
    seen["agent, asked to end without anybody"] = await agent.end();
    agent = undefined;
  } finally {
    await agent?.end("SIGKILL");
  }
  return seen;
}

function hubOf(isReal, source, python, folder) {
  mkdirSync(folder, { recursive: true });
  // Its database keeps them across a restart.
  const known = new Set();
  return {
    start: async (agent) => {
      const [port] = await freePorts(1);
      const settings = { machine: "hub", bind_port: port, poll_interval: POLL_S, self_monitor: false };
      configure(folder, "hub", { ...settings, data_dir: folder });
      const database = ["--db", join(folder, "hub.db")];
      const ours = [
        "taskpaw_v3.hub",
        `${port}`,
        "--agent",
        `${agent}`,
        "--interval",
        `${POLL_S}`,
        ...database,
      ];
      const hub = isReal
        ? await startReal(source, folder, [python, "-m", "taskpaw_v3.hub", ...database, "run"])
        : await startStandIn(python, ours);
      const server = { name: `agent-${agent}`, ip: "127.0.0.1", port: agent };
      if (isReal && !known.has(agent)) await post(port, "/servers", server);
      known.add(agent);
      return { ...hub, port };
    },
  };
}

/** An agent that answers what it is told to, and writes down how it was asked. */
async function scripted(answers) {
  const asked = [];
  const server = createServer((request, response) => {
    const isStatus = request.url === "/status";
    const [status, body] = isStatus
      ? [200, { machine: "played", monitors: {} }]
      : (answers.shift() ?? [200, { events: [] }]);
    if (!isStatus) asked.push(`${request.url} (${request.headers.connection})`);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { port: server.address().port, asked, server };
}

async function lookAtHub({ start }) {
  const seen = {};
  const event = (id) => ({
    id,
    time: "2026-07-01T00:00:00+00:00",
    machine: "played",
    monitor: "m",
    message: `${id}`,
    level: "done",
  });
  const answers = [
    [200, { events: [event(500), event(501), event(502)] }],
    [409, { error: "event_ack_unoffered" }],
    // Numbers that begin again are not seen by it.
    [200, { events: [event(1), event(2)] }],
    [404, { detail: "Not Found" }],
    [200, { events: [event(503)] }],
    [500, {}],
  ];
  const polls = answers.length + 2;
  const agent = await scripted(answers);
  let hub;
  try {
    hub = await start(agent.port);
    await until("its polls", async () => agent.asked.length >= polls);
    seen["hub, how it asks for events"] = agent.asked.slice(0, polls);
    seen["hub /ping"] = (await get(hub.port, "/ping")).body;
    const { status, body } = await get(hub.port, "/status");
    seen["hub /status"] = [status, shape(body), body.acks];
    const kept = (await get(hub.port, "/events")).body;
    seen["hub, what it keeps"] = kept.events.map(({ event_id }) => event_id).sort();
    seen["hub, an event"] = shape(kept);
    seen["hub, closing"] = await closing(hub.port);
    seen["hub, its sockets"] = await options(hub);
    seen["hub, asked to end"] = await ending(hub, hub.port);
    hub = await start(agent.port);
    agent.asked.length = 0;
    await until("a poll after a restart", async () => agent.asked.length > 0);
    seen["hub, what it asks for after a restart"] = agent.asked[0];
  } finally {
    await hub?.end("SIGKILL");
    agent.server.closeAllConnections();
    agent.server.close();
  }
  return seen;
}

/** Who closes a connection first, and after how many seconds. */
async function closing(port) {
  const [asked, kept, silent] = await Promise.all([
    raw(port, "/ping", "close", WITHIN_MS),
    raw(port, "/ping", "keep-alive", WITHIN_MS),
    raw(port, undefined, undefined, SILENT_MS),
  ]);
  return { asked: asked.closed, kept: kept.closed, silent: silent.closed };
}

/** What happens to connections when it is asked to end: an idle one, one that said nothing, half a request. */
async function ending(backend, port) {
  const connections = [
    raw(port, "/ping", "keep-alive", WITHIN_MS),
    raw(port, undefined, undefined, WITHIN_MS),
    raw(port, undefined, undefined, WITHIN_MS, "GET /ping HTT"),
  ];
  const taken = () => sockets(backend.pid).filter((socket) => socket.port === port && !socket.listens);
  await until("connections", async () => taken().length >= connections.length);
  // The answer on the first of them has to be over, or it is no idle one.
  await sleep(500);
  const how = await backend.end();
  const closed = (await Promise.all(connections)).map((one) => one.closed !== "kept");
  return { how, closed, lingering: lingering(port) > 0 };
}

/** Rows in TIME_WAIT on that port of this machine: who closes first has them. */
function lingering(port) {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${hex}`) && state === "06").length;
}

function sockets(pid) {
  const look = [join(ROOT, "scripts", "lib", "socket-options.py"), `${pid}`];
  return JSON.parse(execFileSync("python3", look, { encoding: "utf8" }));
}

/** The options of its sockets on its ports, each kind once. */
async function options({ pid, network, control, port }) {
  const names = new Map([
    [network, "network"],
    [control, "control"],
    [port, "api"],
  ]);
  const held = connect(port ?? network, "127.0.0.1");
  const own = () => sockets(pid).filter((socket) => names.has(socket.port));
  await until("a connection", async () => own().some((socket) => !socket.listens));
  const told = own();
  held.destroy();
  return told
    .map((socket) => JSON.stringify({ ...socket, port: names.get(socket.port) }))
    .filter((text, place, all) => all.indexOf(text) === place)
    .sort();
}

/** One request by hand, and what the other side does when this one waits. */
function raw(port, path, connection, within = 0, begun = "") {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const started = performance.now();
    let said = "";
    const done = (closed) => {
      socket.destroy();
      const head = said.split("\r\n\r\n")[0].split("\r\n").slice(1);
      resolve({
        closed,
        headers: head
          .map((line) => line.split(":")[0].toLowerCase())
          .filter((name) => name !== "date" && name !== "server")
          .sort(),
      });
    };
    socket.once("connect", () =>
      socket.write(
        path ? `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: ${connection}\r\n\r\n` : begun,
      ),
    );
    socket.on("data", (data) => {
      said += data;
      if (within === 0) done("not waited for");
    });
    socket.once("end", () => done(`by it, after ${Math.round((performance.now() - started) / 1000)} s`));
    socket.once("error", reject);
    if (within > 0) setTimeout(() => done("kept"), within).unref();
  });
}

async function get(port, path, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { connection: "close", ...headers },
  });
  return { status: answer.status, body: await answer.json() };
}

/** What is where, without what it says: objects by key, lists by their first element. */
function shape(value) {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, shape(value[key])]),
  );
}

async function until(what, isSo) {
  const deadline = performance.now() + WITHIN_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new StepError(`waited ${WITHIN_MS / 1000} s for ${what}`);
    await sleep(100);
  }
}
