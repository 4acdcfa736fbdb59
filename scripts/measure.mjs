// `npm run measure`: how large the backend is, how soon it is ready, and how much memory it holds when idle.
// `npm run measure -- --window`: how soon the window is visible, beside an empty one, and how soon the agent answers.
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { buildPrograms, ensureNodeModules, PROGRAMS, RELEASE } from "./lib/programs.mjs";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

const LAUNCHES = 21;
/** After this, an idle backend has looked at the machine several times. */
const IDLE_MS = 10_000;
const BACKEND = join(RELEASE, PROGRAMS[1]);

await main(async () => {
  const { values } = parseArgs({ options: { window: { type: "boolean" } } });
  await (values.window ? measureWindow() : measureBackend());
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
  await ensureSystem();
  await ensureNodeModules();
  await buildPrograms();
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-measure-"));
  try {
    const [network, control, api] = await freePorts(3);
    const endpoint = (port) => ({ host: "127.0.0.1", port });
    mkdirSync(join(folder, "config"));
    writeFileSync(
      join(folder, "config", "config.json"),
      JSON.stringify({
        agent: { server_id: "measured", network: endpoint(network), control: endpoint(control) },
        hub: { api: endpoint(api) },
      }),
    );
    const rows = [["size", `${(statSync(BACKEND).size / 1024 / 1024).toFixed(2)} MiB`]];
    for (const role of ["agent", "hub"]) {
      const ready = [];
      for (let launch = 1; launch < LAUNCHES; launch += 1) {
        const backend = await launched(role, folder);
        ready.push(backend.readyMs);
        await backend.stop();
      }
      ready.sort((a, b) => a - b);
      const backend = await launched(role, folder);
      await sleep(IDLE_MS);
      const rss = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${backend.pid}/status`, "utf8"))[1];
      await backend.stop();
      const median = ready[Math.floor(ready.length / 2)];
      rows.push([`${role} ready`, `median ${median.toFixed(1)} ms, slowest ${ready.at(-1).toFixed(1)} ms`]);
      rows.push([`${role} idle`, `${(rss / 1024).toFixed(1)} MiB resident`]);
    }
    console.log(
      `${PROGRAMS[1]} on ${cpus().length} × ${cpus()[0].model.trim()}, ${LAUNCHES - 1} launches each`,
    );
    for (const [what, number] of rows) console.log(`${what.padEnd(12)} ${number}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
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

/** Port numbers that were free a moment ago. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
