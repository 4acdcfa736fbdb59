// How soon a role runs after whoever has its port has gone, and what it costs to wait for that: real holders of several kinds that leave
// after some seconds, with a window and without. Linux; as root also a holder of another user. It needs Xvfb and dbus-daemon.
//   npm run trial:conflicts -- [--after 1,10,60] [--idle 60] [--programs target/debug]
// With `--pictures DIR` what the person sees meanwhile is kept instead: pictures of the screen, and in table.md what notifications and tray
// say, in both languages, on desktops with and without these, and during an update to `--newer DIR`. It needs python3-dbus and python3-gi.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Claims, call, freePort, pause } from "./lib/backend-trial.mjs";
import { virtualDesktop } from "./lib/virtual-desktop.mjs";

const { values } = parseArgs({
  options: {
    after: { type: "string", default: "1,10,60" },
    idle: { type: "string", default: "60" },
    programs: { type: "string", default: "target/debug" },
    pictures: { type: "string" },
    newer: { type: "string" },
  },
});
const SECONDS = values.after.split(",").map(Number);
const IDLE = Number(values.idle);
const APP = join(resolve(values.programs), "taskpaw");
/** Promised in ms from the end of a holder to the answer of a role on Linux, and the part of a core that watching may take. */
const READY_WITHIN = 1_000;
const SHARE = 0.003;

const LISTEN = (host, port) => ["-e", `require("net").createServer().listen(${port}, "${host}")`];
const NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
const HOLDERS = {
  "a program of this person": (port) => [process.execPath, ...LISTEN("127.0.0.1", port)],
  "a program on every address": (port) => [process.execPath, ...LISTEN("0.0.0.0", port)],
  "a program on every address of IPv6": (port) => [process.execPath, ...LISTEN("::", port)],
  "a script in a shell": (port) => ["sh", "-c", `exec python3 -m http.server --bind 127.0.0.1 ${port}`],
  ...(process.getuid() === 0 && {
    "a program of another user": (port) => [...NOBODY, process.execPath, ...LISTEN("127.0.0.1", port)],
  }),
};
const WAYS = { "with a window": [], "in the background": ["--background"] };

const quiet = (words, env) =>
  spawn(words[0], words.slice(1), { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "ignore"] });
const ended = (child) => new Promise((resolve) => child.once("exit", resolve));

/** Processor time of a process in seconds. */
function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function isHeld(port) {
  return (await call("127.0.0.1", port, "/", { within: 500 })).status !== 0 || !(await isFree(port));
}

function isFree(port) {
  return freePort("127.0.0.1").then(
    () =>
      new Promise((resolve) => {
        import("node:net").then(({ createServer }) => {
          const server = createServer().once("error", () => resolve(false));
          server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
        });
      }),
  );
}

const claims = new Claims();
const rows = [];
const desktop = values.pictures ? null : await virtualDesktop();
if (values.pictures) {
  await takePictures(resolve(values.pictures));
  claims.end();
}
try {
  for (const [kind, holder] of Object.entries(HOLDERS))
    for (const [way, words] of Object.entries(WAYS))
      for (const seconds of SECONDS) await leaves(kind, holder, way, words, seconds);
  for (const [way, words] of Object.entries(WAYS)) await idles(way, words);
} finally {
  desktop.close();
}
console.table(rows);
claims.end();

/** An app whose network port somebody has. */
async function scene(holder, words, { on: { env: shown } = desktop, preferences = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-conflict-"));
  const [network, control] = [await freePort(), await freePort()];
  mkdirSync(join(folder, "config"));
  const on = (port) => ({ host: "127.0.0.1", port });
  const agent = { server_id: "trial", network: on(network), control: on(control) };
  const config = { schema: 1, roles: ["agent"], agent, hub: { discovery: false }, app: preferences };
  writeFileSync(join(folder, "config", "config.json"), JSON.stringify(config));
  const other = quiet(holder(network));
  while (!(await isHeld(network))) await pause(50);
  const env = {
    ...shown,
    HOME: folder,
    TASKPAW_CONFIG_DIR: join(folder, "config"),
    TASKPAW_DATA_DIR: join(folder, "data"),
    TASKPAW_V3_DIR: join(folder, "v3"),
  };
  const app = quiet([APP, ...words], env);
  const log = () => {
    try {
      return readFileSync(join(folder, "data", "logs", "taskpaw.log"), "utf8");
    } catch {
      return "";
    }
  };
  while (!/waits|conflict/i.test(log())) await pause(50);
  const close = async (...more) => {
    for (const child of [...more, app, other]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill();
      await ended(child);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  return { network, other, app, log, env, close };
}

/** How long after the end of its holder a role answers; nothing if it does not. */
async function readyAfter(network, other) {
  const [gone, since] = [ended(other), performance.now()];
  other.kill("SIGKILL");
  await gone;
  while (performance.now() - since < 20_000) {
    if ((await call("127.0.0.1", network, "/ping", { within: 500 })).status === 200)
      return performance.now() - since;
    await pause(20);
  }
  return null;
}

async function leaves(kind, holder, way, words, seconds) {
  const { network, other, log, close } = await scene(holder, words);
  await pause(seconds * 1_000);
  const took = await readyAfter(network, other);
  const said = log()
    .split("\n")
    .filter((line) => /waits/i.test(line));
  claims.that(took !== null && took <= READY_WITHIN, `${kind}, ${way}, ${seconds} s: ready after ${took} ms`);
  rows.push({
    kind,
    way,
    "left after s": seconds,
    "ready ms": took?.toFixed(0),
    "log of the wait": said[0]?.slice(33, 120),
  });
  console.log(JSON.stringify(rows.at(-1)));
  await close();
}

/** What it costs to wait, once the start is over. */
async function idles(way, words) {
  const { app, close } = await scene(Object.values(HOLDERS)[0], words);
  await pause(10_000);
  const before = processorTime(app.pid);
  await pause(IDLE * 1_000);
  const share = (processorTime(app.pid) - before) / IDLE;
  claims.that(share <= SHARE, `${way}: watching takes ${(share * 100).toFixed(2)} % of a core`);
  rows.push({ kind: "nobody leaves", way, "left after s": IDLE, "% of a core": (share * 100).toFixed(2) });
  console.log(JSON.stringify(rows.at(-1)));
  await close();
}

/** What the person sees while a port is held, and once it is free. */
async function takePictures(folder) {
  mkdirSync(folder, { recursive: true });
  const ways = Object.entries(WAYS).map(([way, words]) => ({ way, words }));
  if (values.newer)
    ways.push({ way: "during an update", words: [], newer: join(resolve(values.newer), "taskpaw") });
  const desktops = [["notifications", "tray"], ["notifications"], ["tray"], []];
  const lines = [
    "| language | way | desktop | notifications | tray | screen while it waits | ready after ms | screen after that |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  const cell = (text) => text.replaceAll("|", "\\|").replaceAll("\n", "<br>");
  for (const language of ["en", "zh-CN"])
    for (const { way, words, newer } of ways)
      for (const parts of desktops) {
        const on = await virtualDesktop(parts);
        const { network, other, env, close } = await scene(Object.values(HOLDERS)[0], words, {
          on,
          preferences: { language, notifications: true },
        });
        // A notification comes after some seconds of waiting, and a window where nobody can be told otherwise.
        await pause(8_000);
        const successor = newer && quiet([newer, ...words], env);
        if (successor) await pause(8_000);
        const name = [language, way, parts.join(" and ") || "neither"].join("-").replaceAll(" ", "-");
        const keep = (what) => {
          const file = `${name}-${what}.png`;
          writeFileSync(join(folder, file), on.picture());
          return `![${what}](${file})`;
        };
        const waits = keep("waits");
        const took = await readyAfter(network, other);
        claims.that(took !== null && took <= READY_WITHIN, `${name}: ready after ${took} ms`);
        await pause(3_000);
        const after = keep("ready");
        const said = (kind) =>
          on.said
            .filter((each) => each.kind === kind)
            .map(({ title, body, text, actions }) =>
              [title, body ?? text, ...(actions ?? []).filter(Boolean).map((word) => `[${word}]`)]
                .filter(Boolean)
                .join(": "),
            )
            // One that is just put up, or taken away, says nothing yet.
            .filter((text, at, all) => text && text !== all[at - 1]);
        const told = [said("notification").join("\n"), said("tray").join("\n")].map(cell);
        const desktopParts = parts.join(" and ") || "neither";
        lines.push(
          `| ${[language, way, desktopParts, ...told, waits, took?.toFixed(0), after].join(" | ")} |`,
        );
        console.log(lines.at(-1));
        writeFileSync(join(folder, "table.md"), `${lines.join("\n")}\n`);
        await close(...(successor ? [successor] : []));
        on.close();
      }
}
