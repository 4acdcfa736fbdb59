// `npm run trial:v3 -- --source DIR --python PYTHON [--frozen FILE] [--programs DIR]`: how long it takes until TaskPaw
// has the ports of a running TaskPaw V3, with everybody who may be connected to it, by each way in which V3 is started.
// A row can be chosen with `--only TEXT`. Nothing but the ports' owners is looked at: a connection to V3 would linger.
// What it prints is a table of docs/benchmarks.md, with the load of the machine.
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  rmSync,
  chownSync,
} from "node:fs";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { freePorts } from "./lib/load.mjs";
import { RELEASE } from "./lib/programs.mjs";
import { main, ROOT, say, StepError } from "./lib/steps.mjs";
import { configure, post, startReal } from "./lib/v3.mjs";

/** What it may take, where the sockets of V3 may be reached. */
const TARGET_MS = 5_000;
/** Linux keeps TIME_WAIT for 60 s; then the trial is over. */
const WITHIN_MS = 90_000;
/** Nobody's, on every Linux. */
const NOBODY = 65534;
/** How often V3's window asks. */
const WINDOW_MS = 5_000;
/** What the journal says where V3's sockets may not be reached. */
const REFUSED = "sockets refused";
const REFUSING = ["python3", join(ROOT, "scripts", "lib", "without-pidfd-getfd.py")];

/** Who may be connected while V3 is replaced. Each gives what ends it. */
const CLIENTS = {
  idle: async () => () => {},
  "keep-alive": async ({ network }) => {
    const socket = connect(network, "127.0.0.1").on("error", () => {});
    const ask = () => socket.write("GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    // One that did not read would never see V3 close, and would reset the connection instead.
    socket.once("connect", ask).resume();
    // V3 keeps a connection for 5 s after an answer.
    const again = setInterval(ask, 2_000);
    return () => {
      clearInterval(again);
      socket.destroy();
    };
  },
  hub: async ({ network, folder, source, python, as }) => {
    const [port] = await freePorts(1);
    const home = join(folder, "hub");
    const settings = {
      machine: "hub",
      bind_port: port,
      poll_interval: 1,
      self_monitor: false,
      data_dir: home,
    };
    configure(home, "hub", settings);
    give(home, as);
    const hub = await startReal(
      source,
      home,
      [python, "-m", "taskpaw_v3.hub", "--db", join(home, "hub.db"), "run"],
      as,
    );
    await post(port, "/servers", { name: "agent", ip: "127.0.0.1", port: network });
    await sleep(2_500);
    return () => hub.end("SIGKILL");
  },
  window: async ({ control }) => {
    const agent = new Agent({ keepAlive: true });
    const ask = () =>
      get({ port: control, host: "127.0.0.1", path: "/control/status", agent }, (answer) =>
        answer.resume(),
      ).on("error", () => {});
    ask();
    const again = setInterval(ask, WINDOW_MS);
    await sleep(500);
    return () => {
      clearInterval(again);
      agent.destroy();
    };
  },
};

await main(async () => {
  const { values } = parseArgs({
    options: {
      source: { type: "string" },
      python: { type: "string", default: "python3" },
      frozen: { type: "string" },
      programs: { type: "string", default: RELEASE },
      only: { type: "string", default: "" },
    },
  });
  if (process.platform !== "linux" || process.getuid() !== 0)
    throw new StepError("The trial starts V3 with folders and users of its own: run it on Linux, as root.");
  if (!values.source) throw new StepError("Say where TaskPaw V3's source is: --source DIR --python PYTHON");
  const setup = {
    source: resolve(values.source),
    python: values.python.includes("/") ? resolve(values.python) : values.python,
    programs: resolve(values.programs),
  };
  const forms = {
    module: [setup.python, "-m", "taskpaw_v3.agent"],
    script: [setup.python, "taskpaw_v3/packaging/backend_main.py", "agent"],
    bootstrap: [setup.python, "-m", "taskpaw_v3.bootstrap", "agent", "--run"],
    ...(values.frozen && { frozen: [resolve(values.frozen), "agent"] }),
  };
  const rows = [];
  for (const taker of ["backend", "app"])
    for (const user of ["root", "nobody"])
      for (const form of Object.keys(forms))
        for (const client of Object.keys(CLIENTS)) rows.push({ taker, user, form, client, refused: false });
  rows.push({ taker: "backend", user: "root", form: "module", client: "keep-alive", refused: true });
  rows.push({ taker: "app", user: "root", form: "module", client: "keep-alive", refused: true });
  const chosen = rows.filter((row) => nameOf(row).includes(values.only));

  const display = `:${90 + (process.pid % 100)}`;
  const screen = spawn("Xvfb", [display, "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-ac"], {
    stdio: "ignore",
  });
  const load = () => `load average ${loadavg()[0].toFixed(1)}`;
  const before = load();
  const results = new Map();
  let bad = 0;
  try {
    for (const row of chosen) {
      const { ms, ended } = await trial({ ...setup, ...row, display, words: forms[row.form] });
      const isGood = row.refused ? ended.includes(REFUSED) : ms <= TARGET_MS;
      if (!isGood) bad += 1;
      results.set(nameOf(row), `${ms.toLocaleString("en")}${isGood ? "" : " (bad)"}`);
      say(`${nameOf(row)}: ${ms} ms; V3: ${ended}`);
    }
  } finally {
    screen.kill();
  }
  const columns = Object.keys(CLIENTS);
  console.log(`| who takes over | user | V3 as | ${columns.join(" | ")} |`);
  console.log(`| --- | --- | --- | ${columns.map(() => "---:").join(" | ")} |`);
  const lines = chosen.map(({ taker, user, form, refused }) => {
    const cells = columns.map((client) => results.get(nameOf({ taker, user, form, client, refused })) ?? "–");
    const who = refused ? `${taker}, \`pidfd_getfd\` refused` : taker;
    return `| ${who} | ${user} | ${form} | ${cells.join(" | ")} |`;
  });
  for (const line of new Set(lines)) console.log(line);
  console.log(`\nAt the beginning ${before}, at the end ${load()}.\n`);
  say(
    `${chosen.length - bad} of ${chosen.length} within ${TARGET_MS / 1000} s, or refused and the journal says so`,
  );
  return bad === 0 ? 0 : 1;
});

function nameOf({ taker, user, form, client, refused }) {
  return [taker, user, form, client, refused ? "refused" : ""].join(" ");
}

async function trial({ source, python, programs, taker, user, client, refused, display, words }) {
  const folder = mkdtempSync(join(tmpdir(), "trial-v3-"));
  const as =
    user === "root" ? [] : ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
  const [network, control] = await freePorts(2);
  const settings = { server_id: "old-1", machine: "old", bind_port: network, control_port: control };
  configure(folder, "agent", settings);
  for (const name of ["home", "data", "v4"]) mkdirSync(join(folder, name));
  give(folder, as);
  let v3, disconnect, successor;
  try {
    v3 = await startReal(source, folder, words, as);
    disconnect = await CLIENTS[client]({ network, control, folder, source, python, as });
    await sleep(1_000);
    const env = {
      ...process.env,
      HOME: join(folder, "home"),
      TASKPAW_CONFIG_DIR: join(folder, "v4"),
      TASKPAW_DATA_DIR: join(folder, "data"),
      TASKPAW_V3_DIR: join(folder, "config"),
      DISPLAY: display,
      NO_AT_BRIDGE: "1",
      GTK_A11Y: "none",
    };
    const app = ["dbus-run-session", "--", join(programs, "taskpaw")];
    const backend = [join(programs, "taskpaw-backend"), "agent"];
    const command = [...as, ...(refused ? REFUSING : []), ...(taker === "app" ? app : backend)];
    const started = performance.now();
    successor = spawn(command[0], command.slice(1), { env, stdio: "ignore", detached: true });
    let ms;
    while (ms === undefined) {
      // A listener that was passed on is there before anybody serves it: who asks now waits for the answer.
      if (
        isHeldBy(join(programs, "taskpaw-backend"), listening([network, control]), 2) &&
        (await answers(network))
      )
        ms = Math.round(performance.now() - started);
      else if (performance.now() - started > WITHIN_MS) ms = Infinity;
      else await sleep(10);
    }
    return { ms, ended: await howItEnded(join(folder, "data", "takeover-journal.jsonl")) };
  } finally {
    await disconnect?.();
    if (successor) await endAll(successor);
    await v3?.end("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How the journal tells the end of V3's process, and what was done so that its connections do not keep the ports. */
async function howItEnded(journal) {
  for (let tries = 0; tries < 50 && !existsSync(journal); tries += 1) await sleep(100);
  if (!existsSync(journal)) return "nothing in the journal";
  const record = JSON.parse(readFileSync(journal, "utf8").trim().split("\n").at(-1));
  const ends = record.holders.map(({ done, ms, reuse }) =>
    [
      ms === undefined ? done : `${done} in ${Math.round(ms)} ms`,
      ...(reuse?.refused ? [`${REFUSED}: ${reuse.refused}`] : []),
    ].join(", "),
  );
  return [...(record.outcome === "ready" ? [] : [record.outcome]), ...ends].join("; ");
}

/** A program and what it started, each by its pid. */
async function endAll(child) {
  const all = [child.pid, ...descendants(child.pid)];
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    for (const pid of all) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended.
      }
    }
    for (
      let tries = 0;
      tries < 50 && all.some((pid) => existsSync(`/proc/${pid}/exe`) && isThere(pid));
      tries += 1
    )
      await sleep(100);
  }
}

function isThere(pid) {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch {
    return false;
  }
}

function descendants(pid) {
  const parents = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, "utf8"))[1]);
      parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended.
    }
  }
  const below = (one) => (parents.get(one) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

/** The inodes of what listens on these ports. */
function listening(ports) {
  const wanted = ports.map((port) => port.toString(16).toUpperCase().padStart(4, "0"));
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .slice(1)
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local, , state]) => state === "0A" && wanted.includes(local.split(":")[1]))
    .map((row) => row[9]);
}

/** Whether so many listeners are there and this program has each of them, and nobody else: V3's own may be passed on. */
function isHeldBy(program, inodes, count) {
  const sockets = new Map(inodes.map((inode) => [`socket:[${inode}]`, 0]));
  if (sockets.size !== count) return false;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const wanted = descriptorsOf(pid).filter((target) => sockets.has(target));
    if (wanted.length > 0 && linkOf(`/proc/${pid}/exe`) !== program) return false;
    for (const target of wanted) sockets.set(target, sockets.get(target) + 1);
  }
  return [...sockets.values()].every((times) => times > 0);
}

/** Whether TaskPaw 4 answers on this port, however long it takes within the trial. */
function answers(port) {
  return new Promise((resolve) => {
    const request = get({ port, host: "127.0.0.1", path: "/ping", timeout: WITHIN_MS }, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part)).on("end", () => resolve(/"version":"4/.test(text)));
    });
    request.on("error", () => resolve(false)).on("timeout", () => request.destroy());
  });
}

/** What the descriptors of a process mean; nothing of one that has ended. */
function descriptorsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function linkOf(path) {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Makes a folder the user's own. */
function give(folder, as) {
  if (as.length === 0) return;
  chownSync(folder, NOBODY, NOBODY);
  for (const name of readdirSync(folder, { recursive: true })) chownSync(join(folder, name), NOBODY, NOBODY);
}
