// Real windows of the app for trials of what a person does: each on a machine of its own (a network namespace), driven by WebDriver.
// It waits for what a window shows and never for a time; it counts clicks and keys.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, StepError } from "./steps.mjs";

/** In which a window shows what is waited for; a trial's own limits are shorter. */
const LONGEST_MS = 90_000;
/** From one look at a window to the next. */
const LOOK_MS = 40;
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
/** Where the driver listens; each machine has all ports for itself. */
const [DRIVER_PORT, NATIVE_PORT] = [4444, 4445];
/** Gives what comes to a socket in the file system to a port of the machine that it runs on: a port is reached from there only. */
const RELAY = `const net = require("net"), [path, port] = process.argv.slice(1);
  net.createServer((from) => {
    const to = net.connect(Number(port), "127.0.0.1");
    for (const [one, other] of [[from, to], [to, from]]) one.pipe(other).on("error", () => one.destroy());
  }).listen(path, () => console.log("listening"));`;

const tools = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
const DRIVER = process.env.TASKPAW_TEST_DRIVER ?? join(tools, "tools", "bin", "tauri-driver");

function must(program, ...args) {
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status !== 0) throw new StepError(`${program} ${args.join(" ")}: ${done.error ?? done.stderr}`);
  return done.stdout;
}

/** A machine of its own as far as its network goes: nothing but itself, until it is connected to another one. */
export class Machine {
  constructor(name) {
    if (process.platform !== "linux" || process.getuid() !== 0)
      throw new StepError("machines of their own are network namespaces: run this on Linux as root");
    this.name = `taskpaw-${process.pid}-${name}`;
    this.folder = mkdtempSync(join(tmpdir(), `taskpaw-${name}-`));
    must("ip", "netns", "add", this.name);
    must("ip", "-n", this.name, "link", "set", "lo", "up");
  }

  /** A cable to another machine; each gets an address. */
  connect(other, own, others) {
    const [one, two] = [`tp${process.pid}a`, `tp${process.pid}b`];
    must("ip", "-n", this.name, "link", "add", one, "type", "veth", "peer", two, "netns", other.name);
    for (const [machine, link, address] of [
      [this, one, own],
      [other, two, others],
    ]) {
      must("ip", "-n", machine.name, "addr", "add", `${address}/24`, "dev", link);
      must("ip", "-n", machine.name, "link", "set", link, "up");
    }
  }

  spawn(words, env) {
    return spawn("ip", ["netns", "exec", this.name, ...words], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", process.env.TASKPAW_TRIAL_LOUD ? "inherit" : "ignore"],
    });
  }

  /** Ends all that runs on it, and the machine. */
  end() {
    for (const signal of ["SIGTERM", "SIGKILL"]) {
      const pids = () => must("ip", "netns", "pids", this.name).split("\n").filter(Boolean).map(Number);
      for (const pid of pids()) {
        try {
          process.kill(pid, signal);
        } catch {
          // It has ended by itself.
        }
      }
      const until = performance.now() + 5_000;
      while (pids().length > 0 && performance.now() < until) spawnSync("sleep", ["0.05"]);
    }
    must("ip", "netns", "del", this.name);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The window of an app that is started on a machine. */
export class RealWindow {
  clicks = 0;
  keys = 0;
  // One connection for all that is asked: none is closed while an answer is still on its way.
  #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

  /** Starts the app as somebody does who has just installed it; what it was on this machine before is there again. */
  static async open(machine, app, env) {
    if (!existsSync(DRIVER)) throw new StepError(`there is no ${DRIVER}: \`npm test\` installs it`);
    const window = new RealWindow();
    window.socket = join(machine.folder, "driver");
    rmSync(window.socket, { force: true });
    const own = {
      ...env,
      HOME: machine.folder,
      TASKPAW_CONFIG_DIR: join(machine.folder, "config"),
      TASKPAW_DATA_DIR: join(machine.folder, "data"),
      TASKPAW_V3_DIR: join(machine.folder, "v3"),
    };
    const ports = ["--port", `${DRIVER_PORT}`, "--native-port", `${NATIVE_PORT}`];
    window.driver = machine.spawn([DRIVER, ...ports], own);
    const relay = machine.spawn([process.execPath, "-e", RELAY, window.socket, `${DRIVER_PORT}`], {});
    await new Promise((resolve, reject) => {
      relay.stdout.once("data", resolve);
      relay.once("exit", () => reject(new Error("the relay to the driver has ended")));
    });
    const capabilities = { alwaysMatch: { "tauri:options": { application: app } } };
    window.session = await until("the window opens", async () => {
      try {
        return (await window.#ask("POST", "/session", { capabilities })).sessionId;
      } catch {
        return null;
      }
    });
    return window;
  }

  /** Waits until an element is there, and gives it. */
  async shows(selector, what = selector) {
    return until(
      what,
      () => this.#find(selector),
      () => this.script("return document.body.innerText.slice(0, 4000)"),
    );
  }

  async hides(selector) {
    await until(`${selector} goes`, async () => !(await this.#find(selector)));
  }

  /** Waits until a script in the window gives something true. */
  async sees(what, script, ...args) {
    return until(
      what,
      () => this.script(script, ...args),
      () => this.script("return document.body.innerText.slice(0, 4000)"),
    );
  }

  /** A click with the pointer, as soon as what is clicked on is there. */
  async click(selector) {
    this.clicks += 1;
    await until(`${selector} is clicked on`, async () => {
      const element = await this.#find(selector);
      if (!element) return false;
      try {
        await this.#ask("POST", `/session/${this.session}/element/${element}/click`, {});
        return true;
      } catch (error) {
        // Another thing is over it, or it has moved: a person looks again, too.
        if (/intercept|interactable|stale/.test(String(error))) return false;
        throw error;
      }
    });
  }

  /** Types into a field in place of what is there; clicks into it first, if it has not got the focus by itself. */
  async type(selector, text) {
    await this.shows(selector);
    const isFocused = "return document.activeElement === document.querySelector(arguments[0])";
    if (!(await this.script(isFocused, selector))) await this.click(selector);
    await this.press("a", ["\uE009"]);
    await this.press(text);
  }

  /** Keys, wherever the focus is, with others held meanwhile. */
  async press(text, held = []) {
    const all = [...text];
    this.keys += all.length + held.length;
    const down = held.map((value) => ({ type: "keyDown", value }));
    const up = held.map((value) => ({ type: "keyUp", value })).reverse();
    const presses = all.flatMap((value) => [
      { type: "keyDown", value },
      { type: "keyUp", value },
    ]);
    const actions = [{ type: "key", id: "keyboard", actions: [...down, ...presses, ...up] }];
    await this.#ask("POST", `/session/${this.session}/actions`, { actions });
  }

  /** Chooses from a list that is folded: a click unfolds it, another one chooses. */
  async choose(selector, value) {
    await this.shows(selector);
    this.clicks += 1;
    await this.click(`${selector} option[value="${value}"]`);
  }

  /** What the window shows, as PNG. */
  async picture() {
    return Buffer.from(await this.#ask("GET", `/session/${this.session}/screenshot`), "base64");
  }

  async script(script, ...args) {
    return this.#ask("POST", `/session/${this.session}/execute/sync`, { script, args });
  }

  /** Asks the host as the window does. */
  async call(request) {
    const script = `const [request, done] = arguments;
      window.__TAURI_INTERNALS__.invoke("call", { request }).then(done, (error) => done({ error }));`;
    return this.#ask("POST", `/session/${this.session}/execute/async`, { script, args: [request] });
  }

  async #find(selector) {
    const found = await this.#ask("POST", `/session/${this.session}/elements`, {
      using: "css selector",
      value: selector,
    });
    return found[0]?.[ELEMENT] ?? null;
  }

  #ask(method, path, body) {
    return new Promise((resolve, reject) => {
      const headers = { "Content-Type": "application/json" };
      const options = { socketPath: this.socket, method, path, headers, agent: this.#agent };
      const request = http.request(options, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part) => (text += part));
        answer.on("end", () => {
          try {
            const { value } = JSON.parse(text);
            if (answer.statusCode === 200) resolve(value);
            else reject(new Error(`${value?.error}: ${value?.message}`));
          } catch (error) {
            reject(error);
          }
        });
      });
      request.on("error", reject).end(body && JSON.stringify(body));
    });
  }
}

/** Waits until something is so, and gives what it is. */
export async function until(what, look, seen = async () => "") {
  const deadline = performance.now() + LONGEST_MS;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > deadline) throw new StepError(`never: ${what}\n${await seen()}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
