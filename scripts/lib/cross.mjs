// Checking the programs for another system, with Debian's toolchain: it carries the standard library as source,
// so that it can be checked and built for targets that nothing else on this machine knows.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT, run, say, StepError } from "./steps.mjs";
import { installDebian, isDebian } from "./system.mjs";

/** Debian's Rust for building its browsers: one matching version of all four, newer than Debian's own. */
const TOOLCHAIN = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
/** Where these packages put their programs, wherever else the search path finds a cargo. */
const BIN = "/usr/bin";
/** The crates without a window, which run on all three systems. */
const CRATES = ["port-takeover", "taskpaw-contract", "taskpaw-backend", "taskpaw-ports"];
/** A target folder of their own, so that the normal build keeps what it has. */
const TARGET = join(ROOT, "target", "cross");

/** Checks the crates and their tests for another system; in what is shipped a warning is a failure. */
export async function checkFor(target) {
  await ensureToolchain();
  say(`checking ${CRATES.join(", ")} for ${target} (the first time takes some minutes)`);
  await cargo(target, "clippy", "--lib", "--bins", "--", "-D", "warnings");
  await cargo(target, "check", "--all-targets");
  say(`they compile for ${target}; nothing of them has run`);
}

/** Builds the tests of these crates for another system, and gives the programs. */
export async function buildTestsFor(target, crates) {
  await ensureToolchain();
  say(`building the tests of ${crates.join(", ")} for ${target} (the first time takes some minutes)`);
  const packages = crates.flatMap((name) => ["-p", name]);
  await cargoFor(target, packages, "test", "--no-run");
  // Again, now that everything is built, for the names of the programs.
  const told = cargoOutput(target, packages, "test", "--no-run", "--message-format", "json");
  return told
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((message) => message.executable && message.profile?.test)
    .map((message) => ({ name: message.target.name, program: message.executable }));
}

/** The folder of another system's programs. */
export function programsOf(target) {
  return join(TARGET, target, "debug");
}

/** Runs Debian's cargo for another system, with a standard library that it builds itself. */
function cargo(target, command, ...args) {
  const crates = CRATES.flatMap((name) => ["-p", name]);
  return cargoFor(target, crates, command, ...args);
}

function cargoFor(target, crates, command, ...args) {
  const { env, words } = invocation(target, crates, command, args);
  return run(join(BIN, "cargo"), words, { env });
}

function cargoOutput(target, crates, command, ...args) {
  const { env, words } = invocation(target, crates, command, args);
  const ran = spawnSync(join(BIN, "cargo"), words, { cwd: ROOT, env, encoding: "utf8", maxBuffer: 1 << 28 });
  if (ran.status !== 0) throw new StepError(`cargo ${command} for ${target} ended with ${ran.status}`);
  return ran.stdout;
}

function invocation(target, crates, command, args) {
  const env = {
    ...process.env,
    // `cargo clippy` looks its parts up on the search path, where another toolchain may come first.
    PATH: `${BIN}:${process.env.PATH}`,
    RUSTC: join(BIN, "rustc"),
    // It is a stable toolchain, and building the standard library is an unstable option.
    RUSTC_BOOTSTRAP: "1",
  };
  const std = ["-Zbuild-std=std,panic_unwind", "--target", target, "--target-dir", TARGET];
  return { env, words: [command, "--locked", ...std, ...crates, ...args] };
}

async function ensureToolchain() {
  if (!isDebian()) {
    throw new StepError(
      "This check needs the Rust packages of Debian 12 (rustc-web and its kin): run it there.",
    );
  }
  await installDebian(TOOLCHAIN);
}
