// An agent whose hubs are hostile, each in its own way, beside a good one: what they ask for in memory, disk and log, and whether the
// good one has every event, once and in time. Linux.
//   npm run trial:hubs -- [--seconds 20] [--program target/debug/taskpaw-backend] [--only acks]
import { appendFileSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Backend, Claims, OTHERS, call, freePort, option, pause } from "./lib/backend-trial.mjs";

const SECONDS = option("seconds", 20);
const at = process.argv.indexOf("--program");
const PROGRAM = at < 0 ? "target/debug/taskpaw-backend" : process.argv[at + 1];
const only = process.argv.indexOf("--only");

const HUB = "taskpaw-hub";
const id = () => randomBytes(16).toString("hex");
let count = 0;
/** What a hostile hub asks for, with the token that it was given. */
const KINDS = {
  acks: () => ({ path: `/events?ack=${1_000_000 + (count += 1)}`, headers: { [HUB]: "a".repeat(32) } }),
  hubs: () => ({ path: "/events?ack=0", headers: { [HUB]: id() } }),
  rows: () => ({
    path: `/events?ack=0&cursor_stream=${id()}&cursor_boot=${id()}`,
    headers: { [HUB]: "b".repeat(32) },
  }),
  names: () => ({ path: "/events?ack=0", headers: { [HUB]: "\u00ff".repeat(4_000) } }),
  numbers: () => ({
    path: `/events?ack=${["-2", "1e9", "18446744073709551616", "", "0x1"][(count += 1) % 5]}`,
  }),
  paths: () => ({ path: `/${"x".repeat(4_000)}?token=${OTHERS}&ack=${(count += 1)}` }),
  status: () => ({ path: "/status" }),
};
/** So many connections of one kind at once. */
const AT_ONCE = 16;

const claims = new Claims();
const rows = [];
for (const kind of Object.keys(KINDS).filter(
  (kind) => only < 0 || process.argv[only + 1].split(",").includes(kind),
)) {
  const [network, control] = [await freePort(), await freePort()];
  const watched = join(tmpdir(), `taskpaw-trial-${process.pid}-${kind}.log`);
  writeFileSync(watched, "");
  const on = (port) => ({ host: "127.0.0.1", port });
  const monitor = {
    name: "w",
    type_id: "log_pattern",
    config: { path: watched, progress_pattern: "", done_pattern: "finished", interval_seconds: 1 },
  };
  const agent = {
    server_id: "trial",
    token: OTHERS,
    network: on(network),
    control: on(control),
    monitors: [monitor],
  };
  const backend = new Backend(PROGRAM, "agent", { agent });
  await backend.start();
  let isOver = false;
  let asked = 0;
  const connection = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const hostile = Array.from({ length: AT_ONCE }, async () => {
    while (!isOver) {
      const { path, headers } = KINDS[kind]();
      await new Promise((resolve) => {
        const all = { ...headers, Authorization: `Bearer ${OTHERS}`, Host: `127.0.0.1:${network}` };
        const request = http.get(
          { port: network, path, headers: all, agent: connection, timeout: 5_000 },
          (answer) => {
            answer.resume().on("close", resolve);
          },
        );
        request.on("timeout", () => request.destroy()).on("error", resolve);
      });
      asked += 1;
    }
  });
  let [ack, slowest, memory, disk] = [0, 0, 0, 0];
  const got = [];
  // The good one asks with the events' number, as every hub does.
  const poll = () =>
    new Promise((resolve) => {
      const since = performance.now();
      const headers = {
        [HUB]: "c".repeat(32),
        Authorization: `Bearer ${OTHERS}`,
        Host: `127.0.0.1:${network}`,
      };
      const request = http.get(
        { port: network, path: `/events?ack=${ack}`, headers, agent: false },
        (answer) => {
          let text = "";
          answer.on("data", (part) => (text += part));
          answer.on("end", () => {
            slowest = Math.max(slowest, performance.now() - since);
            claims.that(
              answer.statusCode === 200,
              `${kind}: the good hub is answered ${answer.statusCode} ${text}`,
            );
            for (const event of JSON.parse(text).events ?? []) {
              got.push(event.id);
              ack = Math.max(ack, event.id);
            }
            resolve();
          });
        },
      );
      request.on("error", resolve);
    });
  const log = backend.log;
  const since = performance.now();
  for (let second = 0; second < SECONDS; second += 1) {
    if (second > 2 && second < SECONDS - 5) appendFileSync(watched, "finished\n");
    await poll();
    [memory, disk] = [Math.max(memory, backend.memory()), Math.max(disk, backend.disk())];
    await pause(1_000);
  }
  isOver = true;
  await Promise.all(hostile);
  connection.destroy();
  await poll();
  const logged = (backend.log - log) / 2 ** 20 / ((performance.now() - since) / 60_000);
  const told =
    JSON.parse((await call("127.0.0.1", control, "/control/events?limit=1000")).bytes).events ?? [];
  claims.that(logged < 1, `${kind}: ${logged.toFixed(2)} MiB of log a minute`);
  claims.that(memory < 100, `${kind}: ${memory.toFixed(0)} MiB of memory`);
  claims.that(disk < 10, `${kind}: ${disk.toFixed(1)} MiB on the disk`);
  claims.that(slowest < 1_000, `${kind}: the good hub waited ${slowest.toFixed(0)} ms`);
  claims.that(new Set(got).size === got.length, `${kind}: an event came twice`);
  claims.that(
    told.length > 0 && told.every((event) => got.includes(event.id)),
    `${kind}: the good hub has ${got.length} of ${told.length} events`,
  );
  rows.push({
    kind,
    asked,
    events: `${got.length} of ${told.length}`,
    "memory MiB": memory.toFixed(0),
    "disk MiB": disk.toFixed(2),
    "log kB/min": (logged * 1024).toFixed(0),
    "slowest ms": slowest.toFixed(0),
  });
  console.log(JSON.stringify(rows.at(-1)));
  await backend.end();
  rmSync(watched);
}
console.table(rows);
claims.end();
