// A hub with a hostile agent of each kind, one after the other, beside a good one:
//   npm run trial:hostile -- [--seconds 60] [--program target/debug/taskpaw-backend] [--only wide,deep]
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { Backend, Claims, call, freePort, option, pause } from "./lib/backend-trial.mjs";

const SECONDS = option("seconds", 60);
const at = process.argv.indexOf("--program");
const PROGRAM = at < 0 ? "target/debug/taskpaw-backend" : process.argv[at + 1];
const only = process.argv.indexOf("--only");
const MARK = "MARK-OF-THE-HOSTILE-ONE";
const CASES = [
  "wide",
  "deep",
  "long",
  "many",
  "large",
  "endless",
  "slow",
  "fast",
  "storm",
  "identity",
  "numbers",
  "times",
  "order",
  "states",
  "refusing",
  "words",
  "redirect",
  "packed",
  "chunks",
  "headers",
  "hints",
  "trickle",
  "turns",
  "doubles",
  "eras",
  "names",
  "keys",
];

const x = (length) => `${MARK}${"x".repeat(length)}`;
const monitor = (more = {}) => ({
  type_id: "t",
  state: "ok",
  detail: MARK,
  metrics: {},
  last_update: null,
  ...more,
});
const statusOf = (monitors, more = {}) =>
  JSON.stringify({ machine: MARK, server_id: "hostile", os: "x", monitors, ...more });
let number = 0;
const list = (length, of) =>
  JSON.stringify({ events: Array.from({ length }, (_, at) => of((number += 1), at)) });
const event = (id, more = {}) => ({
  id,
  time: `t${id}`,
  machine: MARK,
  monitor: "m",
  message: MARK,
  level: "alert",
  ...more,
});

/** Where an agent says that its numbers are: anywhere. */
const cursor = () => ({
  version: 1,
  server_id: "hostile",
  stream_id: `${Math.random()}`.slice(2).padEnd(32, "0"),
  boot_id: `${Math.random()}`.slice(2).padEnd(32, "0"),
  resume_floor: 0,
  offered_highwater: 2 ** 52,
  next_event_id: 1,
  durable: true,
});

const HEAD = "HTTP/1.1 200 OK\r\n";

/**
 * What a hostile agent of a kind answers; nothing is an answer that never ends. `raw` is what it writes first on a connection, then again
 * and again after so many ms.
 */
const KINDS = {
  wide: { status: () => `{"monitors":{"x":[${`{"a":0},`.repeat(25_000)}1]}}` },
  deep: { status: () => `{"monitors":{"x":${"[".repeat(120)}${"]".repeat(120)}}}` },
  long: {
    status: () => statusOf({ [x(60_000)]: monitor({ detail: x(80_000) }) }),
    events: () => list(10, (id) => event(id, { message: x(1_000_000), title: x(200_000) })),
  },
  many: {
    status: () =>
      statusOf(Object.fromEntries(Array.from({ length: 2_500 }, (_, at) => [`m${at}`, monitor()]))),
  },
  large: {
    status: () => statusOf({ x: x(16_000_000) }),
    events: () => list(1, (id) => event(id, { data: x(15_000_000) })),
  },
  endless: { status: () => null, events: () => null },
  slow: { status: () => statusOf({}), events: () => "slow" },
  fast: { events: () => list(10_000, (id) => event(id)) },
  storm: { events: () => list(1_000, (id) => event(id, { message: x(4_000) })) },
  identity: {
    status: () => statusOf({}, { server_id: "good" }),
    events: () => list(100, (id) => event(id, { machine: "good" })),
  },
  numbers: {
    events: () =>
      list(1_000, (id, at) => event([2 ** 53, -1, "7", 1e300, null, 2 ** 62, id * 1_000][at % 7])),
  },
  times: { events: () => list(1_000, (id, at) => event(at + 1, { time: `${id}` })) },
  order: { events: () => list(2_000, (id, at) => event(1_000_000 - at)) },
  states: {
    status: () =>
      statusOf(
        Object.fromEntries(
          Array.from({ length: 200 }, (_, at) => [`${"n".repeat(100)}${at}`, { state: `${Math.random()}` }]),
        ),
      ),
  },
  refusing: { status: () => (Math.random() < 0.5 ? "" : "[]") },
  words: {
    status: () => statusOf({ "\u202e<b>": monitor({ detail: "<script>alert(1)</script>\u0000" }) }),
    events: () => list(100, (id) => event(id, { level: { a: 1 }, title: 7, data: [[[[[[[[]]]]]]]] })),
  },
  redirect: { raw: ["HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/status\r\nContent-Length: 0\r\n\r\n"] },
  packed: {
    raw: [`${HEAD}Content-Encoding: gzip\r\nContent-Length: 200000\r\n\r\n\x1f\x8b${"\0".repeat(199_998)}`],
  },
  chunks: { raw: [`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, `4000\r\n${" ".repeat(0x4000)}\r\n`, 1] },
  headers: { raw: [HEAD, `X-Header: ${"x".repeat(1_000)}\r\n`, 1] },
  hints: { raw: ["", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 1] },
  turns: {
    // Another machine, and another row of numbers, at each poll.
    status: () =>
      statusOf(
        { x: monitor() },
        { machine: x(9) + Math.random(), server_id: `${Math.random()}`, event_cursor: cursor() },
      ),
    events: () =>
      JSON.stringify({
        events: [event((number += 1), { machine: `${MARK}${Math.random()}` })],
        event_cursor: cursor(),
      }),
  },
  doubles: { events: () => list(1_000, (id, at) => event(at % 7, { message: `${MARK} ${id}` })) },
  eras: {
    events: () =>
      list(1_000, (id, at) =>
        event(id, {
          time: ["9999-12-31T23:59:59.999Z", "-1", "", -1, 1e18, "+275760-09-13", "0000-00-00"][at % 7],
        }),
      ),
  },
  names: {
    status: () =>
      statusOf(
        Object.fromEntries(
          [
            "../../etc/passwd",
            "\u001b[31m",
            "con\\nul",
            "\u202e",
            `a${"\u0315".repeat(60)}`,
            "__proto__",
            "",
            " ",
            "\ufdfd",
          ].map((name) => [name, monitor({ type_id: name, state: name })]),
        ),
        { machine: `${MARK}\u001b]0;x\u0007`, os: `${"\u0489".repeat(60)}` },
      ),
    events: () =>
      list(100, (id) => event(id, { monitor: "../x", machine: `${MARK}\r\nx`, title: "\u001b[2J" })),
  },
  keys: {
    status: () => `{"monitors":{"x":{${Array.from({ length: 22_000 }, (_, at) => `"${at}":0`).join()}}}}`,
    events: () =>
      `{"events":[{"id":${(number += 1)},"message":"${MARK}","data":{${Array.from({ length: 1_000_000 }, (_, at) => `"${at}":0`).join()}}}]}`,
  },
  trickle: { raw: [`${HEAD}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n \r\n", 100] },
};

/** An agent that answers what it is told to. */
async function served(answer) {
  const port = await freePort();
  const server = http.createServer((request, response) => {
    const body = answer(new URL(request.url, "http://x"));
    response.on("error", () => {});
    if (body === null || body === "slow") {
      const part = body === null ? "x".repeat(100_000) : " ";
      const sending = setInterval(() => response.write(part), body === null ? 5 : 200);
      response.on("close", () => clearInterval(sending));
      return;
    }
    response.end(body);
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { port, close: () => (server.closeAllConnections(), server.close()) };
}

/** An agent that writes what it is told to. */
async function written([first, then, every]) {
  const port = await freePort();
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(first, "latin1");
      if (!then) return;
      const sending = setInterval(() => socket.write(then), every);
      socket.on("close", () => clearInterval(sending));
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { port };
}

if (process.argv[2] === "hostile") {
  // A process of its own: what it makes must not keep the good one.
  const hostile = KINDS[process.argv[3]];
  const respond = (url) => {
    if (url.pathname === "/status") return (hostile.status ?? (() => statusOf({ x: monitor() })))();
    if (url.pathname === "/events") return (hostile.events ?? (() => list(0)))();
    return JSON.stringify({ version: x(100_000) });
  };
  const agent = await (hostile.raw ? written(hostile.raw) : served(respond));
  process.send(agent.port);
  process.on("disconnect", () => process.exit());
  await new Promise(() => {});
}

/** The good one: it keeps what is not acknowledged, and notes when it was asked. */
const good = { waiting: [], last: 0, asked: [], told: 0 };
const goodAgent = await served((url) => {
  if (url.pathname === "/status") {
    // A poll that fetches thousands of its own events takes as long as that takes.
    good.asked.push({ at: performance.now(), isBusy: good.waiting.length > 100 });
    return JSON.stringify({
      machine: "good",
      server_id: "good",
      os: "linux",
      monitors: { m: { type_id: "t", state: "ok" } },
    });
  }
  if (url.pathname === "/ping") return JSON.stringify({ ok: true, version: "4.1.0" });
  good.waiting = good.waiting.filter(({ id }) => id > Number(url.searchParams.get("ack") ?? 0));
  const events = [];
  for (
    let bytes = 0;
    events.length < good.waiting.length && bytes < 1_500_000;
    events.push(good.waiting[events.length])
  )
    bytes += JSON.stringify(good.waiting[events.length]).length;
  return JSON.stringify({ events });
});
const tell = (count) => {
  for (let more = 0; more < count; more += 1)
    good.waiting.push({
      id: (good.last += 1),
      time: new Date().toISOString(),
      machine: "good",
      monitor: "m",
      message: "It happened again, as it does.",
      level: "info",
    });
};
const claims = new Claims();
const rows = [];
for (const kind of CASES.filter((kind) => only < 0 || process.argv[only + 1].split(",").includes(kind))) {
  const hostile = fork(process.argv[1], ["hostile", kind]);
  const port = await new Promise((resolve) => hostile.on("message", resolve));
  const api = await freePort();
  const hub = new Backend(PROGRAM, "hub", {
    hub: {
      api: { host: "127.0.0.1", port: api },
      poll_seconds: 1,
      discovery: false,
      agents: [{ name: "good", url: `http://127.0.0.1:${goodAgent.port}` }],
    },
  });
  await hub.start();
  good.waiting.length = 0;
  tell(1);
  const added = await call("127.0.0.1", api, "/control/agents", {
    method: "POST",
    body: { name: "hostile", url: `http://127.0.0.1:${port}` },
  });
  claims.that(added.status === 201, `${kind}: the agent cannot be added: ${added.bytes}`);
  const [log, since] = [hub.log, performance.now()];
  good.asked.length = 0;
  let [memory, disk, answer, slowest] = [0, 0, 0, 0];
  let polls = null;
  for (let second = 0; second < SECONDS; second += 1) {
    await pause(1_000);
    // In the middle the good one comes back with everything that a long absence has left.
    if (second === Math.floor(SECONDS / 2)) {
      tell(10_000);
      polls = good.asked.length;
    }
    if (polls !== null && typeof polls === "number" && good.waiting.length === 0)
      polls = { needed: good.asked.length - polls };
    for (const path of [
      "/control/status",
      "/control/events?limit=10000",
      "/metrics",
      "/events?server=good&limit=1",
    ]) {
      const asked = await call("127.0.0.1", api, path);
      claims.that(asked.status === 200, `${kind}: ${path} is answered ${asked.status}`);
      [answer, slowest] = [Math.max(answer, asked.bytes.length), Math.max(slowest, asked.ms)];
    }
    [memory, disk] = [Math.max(memory, hub.memory()), Math.max(disk, hub.disk())];
  }
  for (let waited = 0; typeof polls === "number" && waited < 20 && good.waiting.length > 0; waited += 1)
    await pause(1_000);
  if (typeof polls === "number") polls = { needed: good.asked.length - polls };
  const minutes = (performance.now() - since) / 60_000;
  const gaps = good.asked
    .slice(1)
    .map(({ at }, place) => (good.asked[place].isBusy ? 0 : at - good.asked[place].at));
  const late = Math.max(0, ...gaps);
  const shown = JSON.parse((await call("127.0.0.1", api, "/control/status")).bytes).agents;
  const logged = (hub.log - log) / 2 ** 20 / minutes;
  claims.that(memory < 100, `${kind}: ${memory.toFixed(0)} MiB of memory`);
  claims.that(answer < 2_000_000, `${kind}: an answer of ${answer} bytes`);
  claims.that(disk < 50, `${kind}: ${disk.toFixed(0)} MiB on the disk`);
  claims.that(logged < 1, `${kind}: ${logged.toFixed(2)} MiB of log a minute`);
  claims.that(late < 3_000, `${kind}: the good agent waited ${late.toFixed(0)} ms for a poll`);
  claims.that(
    good.waiting.length === 0 && polls.needed <= 10,
    `${kind}: the good agent's 10,000 events took ${polls.needed} polls, and ${good.waiting.length} wait`,
  );
  claims.that(
    shown.find(({ name }) => name === "good").online &&
      shown.find(({ name }) => name === "good").error === null,
    `${kind}: the good agent is shown as ${JSON.stringify(shown.find(({ name }) => name === "good").error)}`,
  );
  const error = shown.find(({ name }) => name === "hostile").error_code;
  const removed = await call("127.0.0.1", api, "/control/agents?name=hostile&events=remove", {
    method: "DELETE",
    within: 20_000,
  });
  claims.that(removed.status === 200, `${kind}: removing is answered ${removed.status} ${removed.bytes}`);
  const left = hub.files().filter((file) => readFileSync(file).includes(MARK));
  claims.that(left.length === 0, `${kind}: something is left in ${left}`);
  const kept = JSON.parse((await call("127.0.0.1", api, "/control/events?limit=10000")).bytes).events;
  claims.that(
    kept.every(({ agent }) => agent === "good"),
    `${kind}: events of the hostile one are still shown`,
  );
  rows.push({
    kind,
    error,
    "memory MiB": memory.toFixed(0),
    "answer kB": (answer / 1000).toFixed(0),
    "disk MiB": disk.toFixed(1),
    "log kB/min": (logged * 1024).toFixed(0),
    "longest poll ms": late.toFixed(0),
    "slowest call ms": slowest.toFixed(0),
    "polls for 10,000": polls.needed,
  });
  console.log(JSON.stringify(rows.at(-1)));
  hostile.kill();
  await hub.end();
}
console.table(rows);
goodAgent.close();
claims.end();
