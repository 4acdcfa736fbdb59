// What the trial of updates is made of: versions and their feed, a file server that can misbehave, an installation of one person on a
// display of its own, clients that count what is refused, and eyes and a hand for its window.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { gunzipSync, gzipSync } from "node:zlib";
import { packArchive, stageArchive } from "./archive.mjs";
import { call, freePort, pause } from "./backend-trial.mjs";
import { copyAsVersion } from "./programs.mjs";
import { stamp } from "./stamp.mjs";
import { output, ROOT, StepError } from "./steps.mjs";
import { virtualDesktop } from "./virtual-desktop.mjs";

/** As long as any step may take on a busy machine. */
const LONG = 120_000;
const NOBODY = 65534;
/** So many bytes has a picture at least that shows more than a plain ground. */
const BLANK = 20_000;

/** The words of a language, which are a plain table. */
export function words(language) {
  const text = readFileSync(join(ROOT, "ui", "src", "locales", `${language}.ts`), "utf8");
  const table = text.slice(text.indexOf("{", text.indexOf("export const")), text.lastIndexOf("}") + 1);
  const all = new Function(`return ${table}`)();
  return (key, values = {}) => {
    const said = key.split(".").reduce((part, name) => part[name], all);
    return said.replaceAll(/\{\{(\w+)\}\}/g, (_, name) => values[name] ?? "");
  };
}

export async function until(what, isSo, within = LONG) {
  const deadline = performance.now() + within;
  for (;;) {
    const answer = await isSo();
    if (answer) return answer;
    if (performance.now() > deadline) throw new StepError(`not in time: ${what}`);
    await pause(100);
  }
}

/** Versions as archives, and the feed that offers one of them. */
export class Releases {
  constructor(programs) {
    this.programs = programs;
    this.folder = mkdtempSync(join(tmpdir(), "taskpaw-releases-"));
    this.tool = join(ROOT, "target", "debug", "examples", "feed");
    this.env = { ...process.env, TASKPAW_KEY_PASSWORD: "trial" };
    for (const name of ["keys", "others"]) this.#feed("keys", join(this.folder, name));
    this.key = join(this.folder, "keys", "taskpaw.pub");
    writeFileSync(
      join(this.folder, "en.txt"),
      "- This version was made for a trial.\n- It does what the one before did.\n",
    );
    writeFileSync(join(this.folder, "zh.txt"), "- 此版本用于测试。\n- 功能与上一版本相同。\n");
  }

  #feed(...args) {
    const made = spawnSync(this.tool, args, { env: this.env, encoding: "utf8" });
    if (made.status !== 0) throw new StepError(made.stderr || `${this.tool} cannot be started`);
    return made.stdout;
  }

  /**
   * An archive of a version, in a folder of its own, unpacked beside it. `spoil` changes its programs, `twist` what is packed; one that
   * `leaves` has a file outside of its folder.
   */
  async archive(version, { spoil = () => {}, twist = () => {}, leaves = false, name = version } = {}) {
    const folder = join(this.folder, name);
    rmSync(folder, { recursive: true, force: true });
    const programs = join(folder, "programs");
    copyAsVersion(version, programs, this.programs);
    spoil(programs, version);
    mkdirSync(join(folder, "served"));
    const top = stageArchive({ folder, version, programs });
    twist(top);
    const to = join(folder, "served", `TaskPaw_${version}_linux_x64.tar.gz`);
    await packArchive({ folder, version, seconds: "1000000000", to, level: 1 });
    if (leaves) {
      const plain = gunzipSync(readFileSync(to));
      // The name of the last file, in its header of 512 bytes, is as long; the sum of the header's bytes is written anew.
      const at = plain.lastIndexOf(`TaskPaw-${version}/taskpaw.png`);
      plain.write(`TaskPaw-${version}/../outs.png`, at);
      plain.fill(" ", at + 148, at + 156);
      const sum = plain.subarray(at, at + 512).reduce((all, byte) => all + byte, 0);
      plain.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148);
      writeFileSync(to, gzipSync(plain, { level: 1 }));
    }
    return { version, top, served: join(folder, "served"), size: statSync(to).size };
  }

  /** A version for another system alone. */
  forAnotherSystem(version) {
    const served = join(this.folder, "for-another-system");
    mkdirSync(served);
    writeFileSync(join(served, `TaskPaw_${version}_windows_x64.exe`), "an installer");
    return { version, served, size: 12 };
  }

  /** Signs it and makes its feed, for a server. The tool says itself that one is not believed, once it is made. */
  offer({ version, served }, url, { key = "keys", more = [], floor = "4.1.0", isBelieved = true } = {}) {
    const secret = join(this.folder, key, "taskpaw.key");
    const notes = ["--notes-en", join(this.folder, "en.txt"), "--notes-zh", join(this.folder, "zh.txt")];
    const what = ["--version", version, "--packages", served, "--url", url, "--floor", floor];
    try {
      this.#feed("make", ...what, "--key", secret, ...notes, ...more);
    } catch (error) {
      if (isBelieved) throw error;
    }
  }

  /** Puts the signature of another feed beside one. */
  signAs({ served }, other) {
    copyFileSync(join(other.served, "latest.json.minisig"), join(served, "latest.json.minisig"));
  }

  end() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Puts what is no good into the place of a program, with the stamp of its version, so that it is found out only when it is started. */
export function spoiled(name, text) {
  return (programs, version) => {
    const mark = Buffer.from(`\nTaskPaw version stamp:\0\0${"\0".repeat(40)}`, "latin1");
    const to = join(programs, name);
    writeFileSync(to, stamp(Buffer.concat([Buffer.from(text), mark]), version));
  };
}

/** A server of files on loopback: with ranges and marks, and in one of several bad moods. */
export class FileServer {
  asked = [];
  mood = "well";

  async start() {
    this.server = http.createServer((request, answer) => this.#answer(request, answer));
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  #answer(request, answer) {
    const name = request.url.slice(1);
    this.asked.push({ name, range: request.headers.range ?? null, headers: request.headers });
    const isPackage = name.endsWith(".tar.gz");
    const isRedirected = this.mood === "redirects" || (this.mood === "redirects packages" && isPackage);
    if (isRedirected) return answer.writeHead(302, { Location: "http://127.0.0.2:1/" }).end();
    if (this.mood === "endless") {
      answer.writeHead(200);
      const more = () => {
        while (!answer.destroyed && answer.write(Buffer.alloc(65_536, 32)));
        if (!answer.destroyed) answer.once("drain", more);
      };
      return more();
    }
    if (this.mood === "silent") return undefined;
    let bytes;
    try {
      bytes = readFileSync(join(this.folder, name));
    } catch {
      return answer.writeHead(404).end();
    }
    if (isPackage && this.mood === "changes") bytes[bytes.length >> 1] ^= 1;
    if (isPackage && this.mood === "shortens") bytes = bytes.subarray(1);
    const mark = `"${createHash("sha256").update(bytes).digest("hex")}"`;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const isRest = from > 0 && request.headers["if-range"] === mark;
    const rest = isRest ? bytes.subarray(from) : bytes;
    const head = { ETag: mark, "Content-Length": rest.length };
    if (isRest) head["Content-Range"] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    answer.writeHead(isRest ? 206 : 200, head);
    if (!isPackage || !["slow", "breaks"].includes(this.mood)) return answer.end(rest);
    // A slow line, which may break half way.
    let at = 0;
    const piece = Math.ceil(bytes.length / 40);
    const next = () => {
      if (answer.destroyed) return;
      if (this.mood === "breaks" && from + at > bytes.length / 2) {
        this.mood = "slow";
        return answer.destroy();
      }
      answer.write(rest.subarray(at, at + piece));
      at += piece;
      if (at < rest.length) setTimeout(next, 150);
      else answer.end();
    };
    next();
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** A disk of a size of its own, which can be filled. Needs root. */
export class SmallDisk {
  constructor(size) {
    this.folder = mkdtempSync(join(tmpdir(), "taskpaw-disk-"));
    if (output("mount", ["-t", "tmpfs", "-o", `size=${size},mode=755`, "taskpaw", this.folder]) === undefined)
      throw new StepError(`a small disk cannot be mounted at ${this.folder}`);
    this.home = join(this.folder, "home");
    mkdirSync(this.home);
    this.filler = join(this.folder, "full");
  }

  /** Fills it but for so many bytes. */
  leave(bytes) {
    const { bavail, bsize } = statfsSync(this.folder);
    output("fallocate", ["-l", String(Math.max(1, Math.floor(bavail * bsize - bytes))), this.filler]);
  }

  /** Makes room again. */
  empty() {
    rmSync(this.filler, { force: true });
  }

  end() {
    output("umount", ["--lazy", this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Clients that ask for one thing after the other, each on a new connection; whoever is not answered is counted. */
export class Clients {
  constructor(port, count = 4) {
    this.thread = new Worker(new URL("clients.mjs", import.meta.url), { workerData: { port, count } });
  }

  /** How many were answered, how many not, and the longest time without an answer. */
  async end() {
    const told = once(this.thread, "message");
    this.thread.postMessage("end");
    const [found] = await told;
    return found;
  }
}

/** One person's TaskPaw, installed by the archive's own script, on a display of its own. */
export class Installation {
  /** With `like`, it begins as another one has ended, in the place of that one's home. */
  static async of(release, { language = "en", key, feed, minute = 3_000, home, like, config = {} } = {}) {
    const it = new Installation();
    it.language = language;
    it.t = words(language);
    it.home = like?.home ?? home ?? mkdtempSync(join(tmpdir(), "taskpaw-person-"));
    if (like) output("cp", ["-a", like.kept, like.home]);
    it.folder = join(it.home, ".local", "opt", "taskpaw");
    // Its buses are its own: nothing of this session is met.
    const run = join(it.home, "run");
    mkdirSync(run, { mode: 0o700, recursive: true });
    Object.assign(process.env, { XDG_RUNTIME_DIR: run, XDG_CACHE_HOME: run });
    it.desktop = await virtualDesktop();
    if (!like) it.install(release);
    [it.network, it.control] = [await freePort(), await freePort()];
    const on = (port) => ({ host: "127.0.0.1", port });
    mkdirSync(join(it.home, "config"), { recursive: true });
    const agent = { server_id: "trial", network: on(it.network), control: on(it.control) };
    const all = { schema: 1, roles: ["agent"], agent, hub: { discovery: false } };
    writeFileSync(
      join(it.home, "config", "config.json"),
      JSON.stringify({ ...all, app: { language, on_close: "quit", ...config } }),
    );
    it.env = {
      ...process.env,
      ...it.desktop.env,
      NO_AT_BRIDGE: "0",
      GTK_A11Y: "atspi",
      WEBKIT_A11Y: "1",
      HOME: it.home,
      TASKPAW_CONFIG_DIR: join(it.home, "config"),
      TASKPAW_DATA_DIR: join(it.home, "data"),
      TASKPAW_V3_DIR: join(it.home, "v3"),
      TASKPAW_UPDATES_FEED: feed,
      TASKPAW_UPDATES_KEYS: key,
      TASKPAW_UPDATES_MINUTE_MS: String(minute),
    };
    const reader = ["/usr/bin/python3", [join(ROOT, "scripts", "lib", "screen_reader.py")]];
    it.reader = spawn(...reader, { env: it.env, stdio: ["pipe", "pipe", "ignore"] });
    it.lines = createInterface({ input: it.reader.stdout })[Symbol.asyncIterator]();
    return it;
  }

  /** Starts the archive's script, which refuses root: then as nobody, whose files become root's. */
  install({ top }) {
    const isRoot = process.getuid() === 0;
    const from = join(this.home, "unpacked");
    cpSync(top, from, { recursive: true });
    const owned = (id) => isRoot && output("chown", ["-R", `${id}:${id}`, this.home]);
    if (isRoot) chownSync(this.home, NOBODY, NOBODY);
    owned(NOBODY);
    const done = spawnSync("sh", [join(from, "install.sh")], {
      ...(isRoot && { uid: NOBODY, gid: NOBODY }),
      env: { HOME: this.home, PATH: "/usr/bin:/bin" },
      encoding: "utf8",
    });
    owned(0);
    rmSync(from, { recursive: true });
    if (done.status !== 0) throw new StepError(`install.sh: ${done.stderr}`);
  }

  /** Which version the next start starts. */
  get installed() {
    return readlinkSync(join(this.folder, "current")).replace("versions/", "");
  }

  /** The versions that lie there. */
  versions() {
    return readdirSync(join(this.folder, "versions")).sort();
  }

  /** Starts it as a person does: through the command. */
  start() {
    const app = spawn(join(this.home, ".local", "bin", "taskpaw"), [], { env: this.env, stdio: "ignore" });
    app.on("error", () => {});
    return app;
  }

  /** The version that answers on the network port, if one does. */
  async serves() {
    const { status, bytes } = await call("127.0.0.1", this.network, "/ping", { within: 1_000 });
    return status === 200 ? JSON.parse(bytes).version : null;
  }

  /** The processes of it, by program and version; those that stay beside a version on trial only if they are wanted. */
  processes(name = "taskpaw", { beside = false } = {}) {
    const own = new RegExp(`^${this.folder}/versions/([^/]+)/${name}( \\(deleted\\))?$`);
    return readdirSync("/proc")
      .filter((pid) => /^\d+$/.test(pid) && (beside || !argumentsOf(pid).includes("--stay-beside")))
      .flatMap((pid) => {
        const [, version] = own.exec(programOf(pid)) ?? [];
        return version ? [{ pid: Number(pid), version }] : [];
      });
  }

  async #reader(...asked) {
    this.reader.stdin.write(`${JSON.stringify(asked)}\n`);
    return JSON.parse((await this.lines.next()).value);
  }

  /** All that a window says. */
  async said() {
    for (const { pid } of this.processes().toReversed()) {
      const answer = await this.#reader("text", pid);
      if (Array.isArray(answer) && answer.length > 3) return answer.join("\n");
    }
    return "";
  }

  /** Waits until a window says it. */
  async says(text, within = LONG) {
    let last = "";
    await until(
      `the window says "${text}"`,
      async () => (last = await this.said()).includes(text),
      within,
    ).catch((error) => {
      throw new StepError(`${error.message}; it says:\n${last}`);
    });
  }

  /** A real click, once it is there. */
  async clicks(name, role = "button") {
    await until(`"${name}" can be clicked`, async () => {
      for (const { pid } of this.processes().toReversed())
        if (Array.isArray(await this.#reader("click", pid, role, name))) return true;
      return false;
    });
  }

  /** A window that has just been opened says what is in it some seconds before it has painted it. */
  async isPainted() {
    let before = null;
    const isSame = async () => {
      const now = this.desktop.picture();
      const same = before?.equals(now) ?? false;
      before = now;
      await pause(500);
      return same && now.length > BLANK;
    };
    await until("the window has painted", isSame, 10_000).catch(() => {});
  }

  picture(file) {
    writeFileSync(file, this.desktop.picture());
  }

  /** Ends it, and keeps what lies on the disk for others. */
  async keep() {
    const like = { home: this.home, kept: `${this.home}-kept` };
    await this.close(() => renameSync(like.home, like.kept));
    return like;
  }

  async close(last = () => {}) {
    const all = [...this.processes(), ...this.processes("taskpaw-backend")];
    for (const { pid } of all) end(pid, "SIGTERM");
    await until("all have ended", () => this.processes().length === 0, 20_000).catch(() => {});
    for (const { pid } of [...this.processes(), ...this.processes("taskpaw-backend")]) end(pid, "SIGKILL");
    this.reader.kill();
    this.desktop.close();
    last();
    // What shows the window ends a moment after it, and may still write there.
    const isGone = () => {
      try {
        rmSync(this.home, { recursive: true, force: true });
        return true;
      } catch {
        return false;
      }
    };
    await until("nothing is left of it", isGone, 20_000).catch((error) => console.log(error.message));
  }
}

export function end(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function argumentsOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function programOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}
