// Checking the programs for another system, with Debian's toolchain: it carries the standard library as source,
// so that it can be checked and built for targets that nothing else on this machine knows.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildWindow, ensureNodeModules } from "./programs.mjs";
import { output, ROOT, run, runHeard, say, StepError } from "./steps.mjs";
import { canInstallDebian, debianVersion, installDebian, isDebian } from "./system.mjs";

export const WINDOWS = "x86_64-pc-windows-gnu";
export const MACOS = "aarch64-apple-darwin";
export const MACOS_INTEL = "x86_64-apple-darwin";

/** Debian's Rust for building its browsers: one matching version of all four, newer than Debian's own. */
const TOOLCHAIN = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"];
/** What compiles the C of the dependencies (SQLite, cryptography) and the resources of the app, for Windows. */
const COMPILER = ["mingw-w64", "lld"];
/** Where these packages put their programs, wherever else the search path finds a cargo. */
const BIN = "/usr/bin";
/** Everything that a person gets on the three systems. */
const CRATES = [
  "durable-file",
  "port-takeover",
  "redaction",
  "taskpaw-contract",
  "taskpaw-forms",
  "taskpaw-v3",
  "taskpaw-words",
  "taskpaw-backend",
  "taskpaw-ports",
  "taskpaw-updates",
  "taskpaw",
];
/** Those of them that speak to the system themselves and need little besides: both machines of macOS have the same code there. */
const NEAR_THE_SYSTEM = ["durable-file", "port-takeover", "taskpaw-contract", "taskpaw-ports"];
/** A target folder of their own, so that the normal build keeps what it has. */
export const TARGET = join(ROOT, "target", "cross");

/**
 * A compiler for macOS that compiles nothing. A check needs no machine code: it is enough that the C and the
 * Objective-C of the dependencies are taken for compiled. The first lines answer the question which compiler it is.
 */
const STAND_IN = `#!/bin/sh
[ "$1" = "-?" ] && exit 1
for word; do [ "$word" = -E ] && echo '#pragma message "clang"' && exit 0; done
while [ $# -gt 0 ]; do
  if [ "$1" = -o ]; then : > "$2"; fi
  shift
done
`;

/** Whether the toolchain for other systems is here or can be had, new enough. */
export async function canCheck() {
  if (!(await canInstallDebian([...TOOLCHAIN, ...COMPILER]))) return false;
  const [, oldest] = /^rust-version = "(.*)"$/m.exec(readFileSync(join(ROOT, "Cargo.toml"), "utf8"));
  // It prints nothing, and says it by its status.
  return output("dpkg", ["--compare-versions", debianVersion(TOOLCHAIN[0]), "ge", oldest]) !== undefined;
}

/** Checks the crates and their tests for another system; in what is shipped a warning is a failure. */
export async function checkFor(target) {
  await ensureToolchain(target);
  say(`checking ${cratesFor(target).join(", ")} for ${target} (the first time takes some minutes)`);
  await cargo(target, "clippy", "--lib", "--bins", "--", "-D", "warnings");
  await cargo(target, "check", "--all-targets");
  say(`they compile for ${target}; nothing of them has run`);
}

/**
 * Builds the programs and their tests for another system, and gives the tests' programs. Clippy compiles the crates of this
 * workspace, so that nothing has to be compiled a second time to be linted: in what is shipped a warning is a failure.
 */
export async function buildTestsFor(target) {
  await ensureToolchain(target);
  say(`building ${CRATES.join(", ")} and their tests for ${target} (the first time takes some minutes)`);
  await cargoWithoutWarnings(target, "build", "--bins");
  await cargo(target, "test", "--no-run");
  // Again, now that everything is built, for the names of the programs.
  const told = cargoOutput(target, "test", "--no-run", "--message-format", "json");
  return told
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line))
    .filter((message) => message.executable && message.profile?.test)
    .map(({ package_id: id, target, executable: program }) => ({
      name: target.name,
      // As in path+file:///folder/taskpaw-ports#4.0.0
      package: /\/([^/#]+)#[^#]*$/.exec(id)?.[1],
      program,
    }));
}

/** The folder of another system's programs. */
export function programsOf(target) {
  return join(TARGET, target, "debug");
}

/** Runs Debian's cargo for another system, with a standard library that it builds itself. */
function cargo(target, command, ...args) {
  const { env, words } = invocation(target, command, args);
  return run(join(BIN, "cargo"), words, { env });
}

/** Runs cargo and fails if one of its own crates has a warning, also one that an earlier run has told. */
async function cargoWithoutWarnings(target, command, ...args) {
  const { env, words } = invocation(target, command, args);
  const told = await runHeard(join(BIN, "cargo"), words, { env });
  const warned = [...told.matchAll(/^warning: `([^`]+)` \(.*\) generated/gm)].map(([, crate]) => crate);
  if (warned.length > 0) throw new StepError(`there are warnings in ${warned.join(", ")} for ${target}`);
}

function cargoOutput(target, command, ...args) {
  const { env, words } = invocation(target, command, args);
  const ran = spawnSync(join(BIN, "cargo"), words, { cwd: ROOT, env, encoding: "utf8", maxBuffer: 1 << 28 });
  if (ran.status !== 0) throw new StepError(`cargo ${command} for ${target} ended with ${ran.status}`);
  return ran.stdout;
}

function cratesFor(target) {
  return target === MACOS_INTEL ? NEAR_THE_SYSTEM : CRATES;
}

function invocation(target, command, args) {
  const env = {
    ...process.env,
    // `cargo clippy` looks its parts up on the search path, where another toolchain may come first.
    PATH: `${BIN}:${process.env.PATH}`,
    RUSTC: join(BIN, "rustc"),
    // It is a stable toolchain, and building the standard library is an unstable option.
    RUSTC_BOOTSTRAP: "1",
    // A panic names its place without it, and linking is twice as quick.
    CARGO_PROFILE_DEV_DEBUG: "0",
  };
  if (target === WINDOWS && command !== "clippy") {
    env.RUSTC_WORKSPACE_WRAPPER = join(BIN, "clippy-driver");
    // The linker of MinGW needs many times as long.
    env.CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS = "-Clink-arg=-fuse-ld=lld";
  }
  if (target === MACOS || target === MACOS_INTEL) {
    env[`CC_${target.replaceAll("-", "_")}`] = standIn();
    // Else Apple's own tools are asked where their headers are.
    env.SDKROOT = TARGET;
  }
  const std = ["-Zbuild-std=std,panic_unwind", "--target", target, "--target-dir", TARGET];
  return {
    env,
    words: [command, "--locked", ...std, ...cratesFor(target).flatMap((name) => ["-p", name]), ...args],
  };
}

function standIn() {
  mkdirSync(TARGET, { recursive: true });
  const path = join(TARGET, "stand-in-compiler");
  writeFileSync(path, STAND_IN);
  chmodSync(path, 0o755);
  return path;
}

async function ensureToolchain(target) {
  if (!isDebian()) {
    throw new StepError(
      "This check needs the Rust packages of Debian 12 (rustc-web and its kin): run it there.",
    );
  }
  await installDebian([...TOOLCHAIN, ...(target === WINDOWS ? COMPILER : [])]);
  // The host takes the window's files in.
  await ensureNodeModules();
  await buildWindow();
}
