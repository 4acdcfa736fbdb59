// Programs of a later version: this source with each schema one higher, and nothing else.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildRelease, copyAsVersion } from "./programs.mjs";
import { output, ROOT, run, say, StepError } from "./steps.mjs";
import { NEWER } from "./versions.mjs";

/** What is written in place of what, and where. Each must be there once. */
const CHANGES = [
  ["crates/taskpaw-backend/src/state/journal.rs", "const SCHEMA: u64 = 1;", "const SCHEMA: u64 = 2;"],
  ["crates/taskpaw-backend/src/agent/events/lineage.rs", "const SCHEMA: u64 = 1;", "const SCHEMA: u64 = 2;"],
  ["crates/taskpaw-contract/src/config.rs", "pub const SCHEMA: u32 = 1;", "pub const SCHEMA: u32 = 2;"],
  [
    "crates/taskpaw-backend/src/hub/store/schema.rs",
    "const STEPS: [&str; 2] = [HISTORY, OUTBOX];",
    'const STEPS: [&str; 3] = [HISTORY, OUTBOX, "CREATE TABLE later (number INTEGER PRIMARY KEY);"];',
  ],
];

/** Builds them, and puts them into a folder as the version after this one. */
export async function buildLater(folder, { development = false } = {}) {
  say("building a version with each schema one higher");
  const source = join(ROOT, "target", "later-source");
  rmSync(source, { recursive: true, force: true });
  const files = output("git", ["-C", ROOT, "ls-files", "-z", "--", ":!docs", ":!tests/fuzz/corpus"]);
  if (files === undefined) throw new StepError("The files of this checkout cannot be listed: git is needed");
  for (const file of files.split("\0").filter(Boolean)) {
    mkdirSync(dirname(join(source, file)), { recursive: true });
    copyFileSync(join(ROOT, file), join(source, file));
  }
  cpSync(join(ROOT, "ui", "dist"), join(source, "ui", "dist"), { recursive: true });
  for (const [file, before, after] of CHANGES) {
    const text = readFileSync(join(source, file), "utf8");
    if (text.split(before).length !== 2) throw new StepError(`${file} does not have ${before} once`);
    writeFileSync(
      join(source, file),
      text.replace(before, () => after),
    );
  }
  const packages = ["taskpaw", "taskpaw-backend", "taskpaw-ports"];
  // The same target folder: what comes from others is built already. What is built here next is put in its place again.
  const target = join(ROOT, "target");
  const env = { ...process.env, CARGO_TARGET_DIR: target };
  if (development) {
    const named = packages.flatMap((name) => ["-p", name]);
    await run("cargo", ["build", "--locked", ...named], { cwd: source, env });
  } else {
    await buildRelease(packages, { root: source, env });
  }
  copyAsVersion(NEWER, folder, join(target, development ? "debug" : "release"));
}
