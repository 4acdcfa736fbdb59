// What the trials of a backend share: a backend under a host of their own, and calls to it that are timed.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const CONTROL = "c".repeat(64);
export const OTHERS = "the-token-for-all-others";

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The number that follows a name among the arguments. */
export function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

/** A port that is free now. */
export function freePort(host = "127.0.0.1") {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, host, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** One call on a connection of its own: the status, the bytes and the milliseconds; status 0 if there is no answer. */
export function call(host, port, path, { method = "GET", token = CONTROL, body, from, within = 5_000 } = {}) {
  const since = performance.now();
  return new Promise((resolve) => {
    const done = (status, bytes = "") => resolve({ status, bytes, ms: performance.now() - since });
    const named = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    const headers = { Host: named, Authorization: `Bearer ${token}`, Connection: "close" };
    const request = http.request({
      host,
      port,
      path,
      method,
      headers,
      agent: false,
      localAddress: from,
      timeout: within,
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => done(0));
    request.on("response", (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", () => done(0));
      answer.on("end", () => done(answer.statusCode, Buffer.concat(parts).toString()));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A backend in a folder of its own. */
export class Backend {
  constructor(program, role, config) {
    this.folder = mkdtempSync(join(tmpdir(), "taskpaw-trial-"));
    this.role = role;
    this.log = 0;
    this.program = program;
    mkdirSync(join(this.folder, "config"));
    writeFileSync(join(this.folder, "config", "config.json"), JSON.stringify(config));
  }

  get data() {
    return join(this.folder, "data");
  }

  async start() {
    const { folder, program, role } = this;
    const env = {
      ...process.env,
      TASKPAW_HOST: "stdin",
      TASKPAW_CONFIG_DIR: join(folder, "config"),
      TASKPAW_DATA_DIR: this.data,
      TASKPAW_V3_DIR: join(folder, "v3"),
    };
    this.child = spawn(program, [role], { env, stdio: ["pipe", "pipe", "pipe"] });
    const greeting = {
      taskpaw_host: 1,
      host_version: "4.1.0",
      control_token: CONTROL,
      config_dir: join(folder, "config"),
    };
    this.child.stdin.write(`${JSON.stringify(greeting)}\n`);
    this.child.stderr.on("data", (text) => (this.log += text.length));
    await new Promise((resolve, reject) => {
      this.child.on("exit", (code) => reject(new Error(`the ${role} has ended with ${code}`)));
      this.child.stdout.on("data", (text) => `${text}`.includes("taskpaw_ready") && resolve());
    });
  }

  /** Its memory in MiB. */
  memory() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
  }

  files() {
    const all = readdirSync(this.data, { recursive: true, withFileTypes: true });
    return all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  }

  /** What is on the disk in MiB. */
  disk() {
    return (
      this.files().reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0) /
      2 ** 20
    );
  }

  async end() {
    if (this.child.exitCode === null) {
      const ended = new Promise((resolve) => this.child.on("exit", resolve));
      this.child.stdin.end();
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Says what does not hold, and ends with 1 then. */
export class Claims {
  broken = 0;

  that(holds, sentence) {
    if (holds) return;
    this.broken += 1;
    console.log(`  DOES NOT HOLD: ${sentence}`);
  }

  end() {
    console.log(this.broken ? `${this.broken} claims do not hold` : "everything holds");
    process.exit(this.broken ? 1 : 0);
  }
}
