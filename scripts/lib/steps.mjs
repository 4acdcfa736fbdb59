// Steps that a person can follow: what is done now, how long it took, and what to do when it fails.
import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top folder of the checkout. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** A failure that is told to a person in a sentence, without a stack. */
export class StepError extends Error {}

const started = Date.now();

/** Tells what happens. Goes to standard error: standard output belongs to results. */
export function say(text) {
  const seconds = ((Date.now() - started) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`[${seconds} s] ${text}\n`);
}

/**
 * Runs a command with its output on the terminal; resolves when it ended with 0. With `within`, in
 * milliseconds, it is asked to end when that is over.
 */
export function run(command, args, { within, ...options } = {}) {
  return new Promise((resolve, reject) => {
    // What a step prints is progress, unless its caller wants it as the result.
    const stdio = options.stdio ?? ["ignore", process.stderr, process.stderr];
    const shell = needsShell(command);
    const child = spawn(command, args, { cwd: ROOT, timeout: within, shell, ...options, stdio });
    child.on("error", (error) => reject(new StepError(`${command} cannot be started: ${error.message}`)));
    child.on("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new StepError(`${[command, ...args].join(" ")} ended with ${signal ?? `status ${code}`}`));
    });
  });
}

/** As [run], and resolves to what the command said on standard error, which goes to the terminal as well. */
export function runHeard(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ["ignore", process.stderr, "pipe"];
    const child = spawn(command, args, { cwd: ROOT, ...options, stdio });
    let told = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => {
      process.stderr.write(text);
      told += text;
    });
    child.on("error", (error) => reject(new StepError(`${command} cannot be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) resolve(told);
      else reject(new StepError(`${[command, ...args].join(" ")} ended with ${signal ?? `status ${code}`}`));
    });
  });
}

/** On Windows npm and its kin are scripts, which Node starts in a shell only. */
export function needsShell(command) {
  return process.platform === "win32" && /^np[mx]$/.test(command);
}

/** What a command prints, or nothing if it cannot be run or fails. */
export function output(command, args) {
  const ran = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  return ran.status === 0 ? ran.stdout.trim() : undefined;
}

/** Runs a script's main function: a told failure is its message and status 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
