// `npm run trial:adopt`: a console program outside of this workspace takes port-takeover as a stranger would, from what would be
// published and with the lines of its README, and meets ten holders of its port. Linux only.
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";

/** Longer than any of this takes; a machine may be busy. */
const PATIENCE = 60_000;

const MANIFEST = (packages) => `[package]
name = "acme-helper"
version = "0.1.0"
edition = "2024"

[dependencies]
port-takeover = "0.1"

[patch.crates-io]
port-takeover = { path = "${packages}/port-takeover" }
durable-file = { path = "${packages}/durable-file" }

[workspace]
`;

/** Serves on a port, as the README has it: `acme-helper PORT`. */
const PROGRAM = `use std::io::Write as _;
use std::ops::ControlFlow;
use port_takeover::{ExecutableName, IdentityRules, Limits, Outcome, Role, WantedPort, claim_all, sys::Native, take_over};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).ok_or("PORT")?.parse()?;
    let role = Role::new("server");
    let rules = IdentityRules::new(role.clone()).with_rule(ExecutableName::new("acme-helper"));
    let wanted = [WantedPort::new("api", "127.0.0.1", port)?];
    let limits = Limits { grace: std::time::Duration::from_secs(1), ..Limits::default() };
    let report = take_over(&Native::new(), &rules, &role, &wanted, limits, |_| ControlFlow::Continue(()))?;
    if report.outcome != Outcome::Ready {
        return Err(format!("{:?}", report.last.ports[0].state).into());
    }
    for claim in claim_all(&wanted)? {
        println!("serving");
        for connection in claim.listener.incoming() {
            writeln!(connection?, "{}", std::process::id())?;
        }
    }
    Ok(())
}
`;

/** Holds a port in a way of its own, until it is ended. */
const HOLDER = `import socket, sys, time
how, port = sys.argv[1], int(sys.argv[2])
it = socket.socket(socket.AF_INET6 if how == "dual" else socket.AF_INET)
if how == "client":
    other = socket.create_server(("127.0.0.1", 0))
    it.bind(("127.0.0.1", port))
    it.connect(other.getsockname())
else:
    # Bound with it, and not listening, a socket keeps nobody from the port.
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(how != "bound"))
    it.bind(("::" if how == "dual" else "0.0.0.0" if how == "any" else "127.0.0.1", port))
    if how != "bound":
        it.listen()
print("serving", flush=True)
time.sleep(600)
`;

const started = [];

/** What would be published is unpacked, and the stranger's program is built with it. */
async function build(folder) {
  say("packing what would be published");
  const target = join(ROOT, "target", "adopt");
  await run("cargo", [
    "package",
    "--allow-dirty",
    "--no-verify",
    "--target-dir",
    target,
    "-p",
    "durable-file",
    "-p",
    "port-takeover",
  ]);
  const packages = join(folder, "packages");
  for (const name of ["durable-file", "port-takeover"]) {
    const version = /^version = "([^"]+)"/m.exec(
      readFileSync(join(ROOT, "crates", name, "Cargo.toml"), "utf8"),
    )[1];
    mkdirSync(join(packages, name), { recursive: true });
    const packed = join(target, "package", `${name}-${version}.crate`);
    await run("tar", ["-xzf", packed, "--strip-components=1", "-C", join(packages, name)]);
  }
  mkdirSync(join(folder, "acme", "src"), { recursive: true });
  writeFileSync(join(folder, "acme", "Cargo.toml"), MANIFEST(packages));
  writeFileSync(join(folder, "acme", "src", "main.rs"), PROGRAM);
  writeFileSync(join(folder, "holder.py"), HOLDER);
  say("building the stranger's program");
  await run("cargo", [
    "build",
    "--manifest-path",
    join(folder, "acme", "Cargo.toml"),
    "--target-dir",
    target,
  ]);
  return join(target, "debug", "acme-helper");
}

/** Each holder, and what must become of it: nothing is said where all is right. */
const TRIALS = {
  nobody: async (it) => it.serves(await it.start()),
  "an older one of its own": async (it) => it.replaces(await it.start()),
  "an older one that is stopped": async (it) => {
    const old = await it.start();
    process.kill(old.pid, "SIGSTOP");
    return it.replaces(old);
  },
  "an older one whose program was replaced": async (it) => {
    const old = await it.start();
    it.replaceProgram();
    return it.replaces(old);
  },
  "a foreign program": async (it) => it.refuses(await it.hold("listens"), "Foreign"),
  "a foreign program on every address": async (it) => it.refuses(await it.hold("any"), "Foreign"),
  "a foreign program on both families": async (it) => it.refuses(await it.hold("dual"), "Foreign"),
  "a foreign program that was given its name as an argument": async (it) =>
    it.refuses(await it.hold("listens", "acme-helper"), "Foreign"),
  "its own program under another name": async (it) =>
    it.refuses(await it.start(it.copy("other-helper")), "Foreign"),
  "a socket that is bound and does not listen": async (it) => it.refuses(await it.hold("bound"), "Occupied"),
  "a client whose own port it is": async (it) => it.refuses(await it.hold("client"), "Occupied"),
  "two at once": async (it) => {
    const old = await it.start();
    const both = [it.begin(), it.begin()];
    await until(() => both.some((one) => one.said.includes("serving")) && old.isOver());
    await until(() => both.filter((one) => !one.isOver()).length === 1);
    return it.serves(both.find((one) => !one.isOver()));
  },
};

/** One port, and what is done about it. */
async function trialOf(folder, built) {
  const port = await freePort();
  const program = join(folder, `acme-helper-${port}-own`, "acme-helper");
  mkdirSync(join(program, ".."), { recursive: true });
  copyFileSync(built, program);
  const it = {
    copy: (name) => {
      const path = join(program, "..", name);
      copyFileSync(built, path);
      return path;
    },
    replaceProgram: () => {
      rmSync(program);
      copyFileSync(built, program);
    },
    begin: (path = program) => begin(path, [String(port)]),
    start: async (path = program) => serving(it.begin(path)),
    hold: async (how, ...more) =>
      serving(begin("python3", [join(folder, "holder.py"), how, String(port), ...more])),
    serves: async (one) => {
      const answered = await answerOf(port);
      return answered === String(one.pid) ? undefined : `process ${answered} answers, not ${one.pid}`;
    },
    replaces: async (old) => {
      const next = await it.start();
      await until(() => old.isOver());
      return it.serves(next);
    },
    refuses: async (holder, state) => {
      const one = it.begin();
      await until(() => one.isOver());
      if (holder.isOver()) return "the holder was ended";
      return one.said.includes(state) ? undefined : `it said ${one.said}`;
    },
  };
  return it;
}

function begin(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const one = {
    pid: child.pid,
    said: "",
    child,
    isOver: () => child.exitCode !== null || child.signalCode !== null,
  };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (one.said += text));
  started.push(one);
  return one;
}

async function serving(one) {
  await until(() => one.said.includes("serving") || one.isOver());
  if (one.isOver()) throw new Error(`it ended before it served: ${one.said}`);
  return one;
}

async function endAll() {
  for (const { child } of started) child.kill("SIGKILL");
  await until(() => started.every((one) => one.isOver()));
  started.length = 0;
}

async function until(isSo) {
  const deadline = Date.now() + PATIENCE;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error("it did not come about in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answerOf(port) {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = connect(port, "127.0.0.1");
    socket.setTimeout(PATIENCE, () => socket.destroy(new Error("nobody answers")));
    socket
      .on("data", (text) => (said += text))
      .on("error", reject)
      .on("close", () => resolve(said.trim()));
  });
}

await main(async () => {
  if (process.platform !== "linux") throw new StepError("The holders of this trial need Linux.");
  const folder = mkdtempSync(join(tmpdir(), "adopt-"));
  try {
    const program = await build(folder);
    let failed = 0;
    for (const [name, trial] of Object.entries(TRIALS)) {
      const wrong = await trial(await trialOf(folder, program)).catch((error) => error.message);
      console.log(`${wrong ? "WRONG" : "right"}  ${name}${wrong ? `: ${wrong}` : ""}`);
      if (wrong) failed += 1;
      await endAll();
    }
    if (failed > 0)
      throw new StepError(`${failed} of ${Object.keys(TRIALS).length} holders were met wrongly`);
    say(`${Object.keys(TRIALS).length} holders were met as the README promises`);
  } finally {
    await endAll();
    rmSync(folder, { recursive: true });
  }
});
