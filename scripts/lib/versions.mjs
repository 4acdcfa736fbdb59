// Running a program of the tests with two versions of TaskPaw, in copies that a build does not touch.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPrograms, copyAsVersion, ensureNodeModules } from "./programs.mjs";
import { ROOT, run, say, StepError } from "./steps.mjs";
import { ensureSystem } from "./system.mjs";

/** The version of the programs. */
export const CURRENT = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
/** What a copy of them is called in tests, as a version after it (`tests/support/programs.rs`). */
export const NEWER = CURRENT.replace(/^(\d+\.\d+)\..*$/, "$1.99");

/** Runs a program of the tests, and gives its status. It ends what it started, also when it is interrupted. */
export async function runWithTwoVersions(name, args) {
  if (process.platform !== "linux") {
    throw new StepError("This needs a virtual display and Linux's process files: run it on Linux.");
  }
  await ensureSystem({ tests: true });
  await ensureNodeModules();
  await buildPrograms();
  await run("cargo", ["build", "--locked", "-p", "taskpaw-tests", "--bins"]);
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-versions-"));
  try {
    const versions = { current: join(folder, CURRENT), newer: join(folder, NEWER) };
    copyAsVersion(CURRENT, versions.current);
    copyAsVersion(NEWER, versions.newer);
    say(`${name} begins`);
    return await status(join(ROOT, "target", "debug", name), args, {
      ...process.env,
      TASKPAW_TEST_PROGRAMS: versions.current,
      TASKPAW_TEST_NEWER: versions.newer,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function status(program, args, env) {
  // An interrupt reaches the program too, which then tidies up: wait for it.
  const ignored = () => {};
  process.on("SIGINT", ignored);
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((resolve, reject) => {
    child.on("error", (error) => reject(new StepError(`${program} cannot be started: ${error.message}`)));
    child.on("exit", (code) => {
      process.off("SIGINT", ignored);
      resolve(code ?? 1);
    });
  });
}
