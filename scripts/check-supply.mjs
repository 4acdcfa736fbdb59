// `npm run check:supply`: whether everything that becomes part of TaskPaw may: licences, sources and versions of the
// crates, and known faults of crates and packages, where the lists of them can be had.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { licencesFile } from "./lib/licences.mjs";
import { main, needsShell, ROOT, run, say, StepError } from "./lib/steps.mjs";

/** Tools of the checks, in the checkout's own target folder. */
const TOOLS = join(ROOT, "target", "tools");
/** A version, so that what it finds changes with the lists and not with the tool. */
const VERSION = "0.20.2";
const DENY = join(TOOLS, "bin", "cargo-deny");

await main(async () => {
  if (!existsSync(DENY)) {
    say("installing cargo-deny (some minutes)");
    await run("cargo", ["install", "--locked", "--version", VERSION, "--root", TOOLS, "cargo-deny"]);
  }
  say("licences, sources and versions of the crates");
  await run(DENY, ["check", "--hide-inclusion-graph", "licenses", "sources", "bans"]);
  const shown = readFileSync(join(ROOT, "ui", "src", "generated", "licences.ts"), "utf8");
  if (shown !== licencesFile())
    throw new StepError("About shows other licences than those of what is built: run `npm run generate`");
  const unknown = [
    // What each says when it cannot ask: then nothing is known, which is no failure and no success.
    known("crates", DENY, ["check", "advisories"], /failed to fetch advisory database/),
    known(
      "packages of the window",
      "npm",
      ["audit", "--audit-level=high"],
      /audit endpoint returned an error/,
    ),
  ].filter((what) => what);
  for (const what of unknown)
    say(`known faults of the ${what}: NOT CHECKED, the list of them cannot be had here`);
  if (unknown.length === 0) say("no known faults");
});

/** Looks for known faults, and gives what could not be looked at. */
function known(what, command, args, cannotAsk) {
  say(`known faults of the ${what}`);
  const ran = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", shell: needsShell(command) });
  if (ran.status === 0) return undefined;
  if (cannotAsk.test(`${ran.stdout}${ran.stderr}`)) return what;
  process.stderr.write(`${ran.stdout}${ran.stderr}`);
  throw new StepError(`there are known faults of the ${what}`);
}
