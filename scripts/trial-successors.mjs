// `npm run trial:successors`: broken successors of every kind over a version that works, each five times idle and five
// times under four clients, and 50 kills each of the old and the new host; the table is one of docs/benchmarks.md.
// `--only TEXT` chooses kinds, `--load idle|clients` who asks, `--rounds N` and `--kills N` how often, `--seed S` the
// moments of the kills. `--programs DIR` tries programs that are built already, `--later DIR` those with each schema one
// higher; `--development` builds both for development, which is quicker. `--old DIR` tries the programs of 4.0.0 instead, in
// both directions. It takes up to an hour, and as root it also fills a disk.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildLater } from "./lib/later.mjs";
import {
  buildPrograms,
  buildWindow,
  copyAsVersion,
  DEVELOPMENT,
  ensureNodeModules,
  RELEASE,
} from "./lib/programs.mjs";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";
import { CURRENT, NEWER } from "./lib/versions.mjs";

await main(async () => {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      load: { type: "string", default: "" },
      rounds: { type: "string", default: "5" },
      kills: { type: "string", default: "50" },
      seed: { type: "string", default: "1" },
      programs: { type: "string" },
      later: { type: "string" },
      old: { type: "string" },
      development: { type: "boolean", default: false },
    },
  });
  if (process.platform !== "linux") {
    throw new StepError("This needs a virtual display and Linux's process files: run it on Linux.");
  }
  await ensureSystem({ tests: true });
  await ensureNodeModules();
  if (!values.programs) {
    if (values.development) {
      await buildWindow();
      await run("cargo", [
        "build",
        "--locked",
        "-p",
        "taskpaw",
        "-p",
        "taskpaw-backend",
        "-p",
        "taskpaw-ports",
      ]);
    } else await buildPrograms();
  }
  await run("cargo", ["build", "--locked", "-p", "taskpaw-tests", "--bins"]);
  const programs = values.programs ? resolve(values.programs) : values.development ? DEVELOPMENT : RELEASE;
  const folder = mkdtempSync(join(tmpdir(), "trial-successors-"));
  try {
    const versions = { current: join(folder, CURRENT), newer: join(folder, NEWER) };
    copyAsVersion(CURRENT, versions.current, programs);
    copyAsVersion(NEWER, versions.newer, programs);
    const args = ["--only", values.only, "--load", values.load, "--rounds", values.rounds];
    args.push("--kills", values.kills, "--seed", values.seed);
    if (values.old) args.push("--old", resolve(values.old));
    else if (values.later) args.push("--later", resolve(values.later));
    else if (wantsLater(values.only)) {
      const later = join(folder, "later");
      await buildLater(later, values);
      args.push("--later", later);
    }
    const before = loadavg()[0];
    const status = await trial(args, {
      ...process.env,
      TASKPAW_TEST_PROGRAMS: versions.current,
      TASKPAW_TEST_NEWER: versions.newer,
    });
    console.log(`At the beginning load average ${before.toFixed(1)}, at the end ${loadavg()[0].toFixed(1)}.`);
    return status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Whether a kind may be chosen that needs them: they take a while to build. */
function wantsLater(only) {
  return "schemas one higher, crashes killed after 500 events".includes(only) || only.includes("schema");
}

/** What is mounted for a full disk is gone with its own mount namespace, where that is allowed. */
function trial(args, env) {
  const program = join(ROOT, "target", "debug", "successors");
  const command =
    process.getuid() === 0 ? ["unshare", "--mount", "--propagation", "private", "--", program] : [program];
  say("the trial begins");
  // An interrupt reaches the program too, which then tidies up: wait for it.
  const ignored = () => {};
  process.on("SIGINT", ignored);
  const child = spawn(command[0], [...command.slice(1), ...args], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((done, failed) => {
    child.on("error", (error) => failed(new StepError(`${command[0]} cannot be started: ${error.message}`)));
    child.on("exit", (code) => {
      process.off("SIGINT", ignored);
      done(code ?? 1);
    });
  });
}
