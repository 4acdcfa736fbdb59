// `npm run sbom`: what is inside, in target/packages: a CycloneDX list for each program and one for the window.
// `npm run sbom -- --out DIR`: in another folder.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { listName, LISTS, missingIn, settled } from "./lib/sbom.mjs";
import { main, output, ROOT, run, say, StepError } from "./lib/steps.mjs";

/** Tools of the checks, in the checkout's own target folder. */
const TOOLS = join(ROOT, "target", "tools");
const CYCLONEDX = join(TOOLS, "bin", "cargo-cyclonedx");
/** Another version writes another list. */
const CYCLONEDX_VERSION = "0.5.9";
/** Where the package of each program is: its list is written beside its manifest. */
const PROGRAMS = {
  host: ROOT,
  backend: join(ROOT, "crates", "taskpaw-backend"),
  ports: join(ROOT, "crates", "taskpaw-ports"),
};
/** What the tool calls its lists, until they are moved. */
const MADE = "made-by-sbom";

await main(async () => {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  const folder = values.out
    ? resolve(process.env.INIT_CWD ?? ".", values.out)
    : join(ROOT, "target", "packages");
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  mkdirSync(folder, { recursive: true });
  await ensureTool();
  const made = { ...(await ofPrograms()), window: ofWindow() };
  for (const list of Object.keys(LISTS)) {
    const text = settled(made[list], { list, version, root: ROOT });
    const missing = missingIn(text, list);
    if (missing.length > 0) throw new StepError(`the list of ${list} has no ${missing.join(", ")}`);
    writeFileSync(join(folder, listName(list, version)), text);
    say(`made ${listName(list, version)}: ${JSON.parse(text).components.length} parts`);
  }
});

async function ensureTool() {
  if (existsSync(CYCLONEDX) && output(CYCLONEDX, ["cyclonedx", "--version"])?.endsWith(CYCLONEDX_VERSION))
    return;
  say("installing cargo-cyclonedx (some minutes)");
  const args = ["install", "--locked", "--force", "--version", CYCLONEDX_VERSION, "--root", TOOLS];
  await run("cargo", [...args, "cargo-cyclonedx"]);
}

/** The lists of the programs. Of all systems: one list is true for every package. */
async function ofPrograms() {
  try {
    const args = ["cyclonedx", "--format", "json", "--target", "all", "--no-build-deps"];
    await run(CYCLONEDX, [...args, "--override-filename", MADE]);
    const read = ([list, folder]) => [list, readFileSync(join(folder, `${MADE}.json`), "utf8")];
    return Object.fromEntries(Object.entries(PROGRAMS).map(read));
  } finally {
    // It writes one for every package of the workspace, and knows no other place.
    for (const folder of packages()) rmSync(join(folder, `${MADE}.json`), { force: true });
  }
}

/** The window's packages: those that become part of it and those that make it are all for development, to npm. */
function ofWindow() {
  const text = output("npm", ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"]);
  if (!text) throw new StepError("npm makes no list: it has to be version 10 or newer");
  return text;
}

/** The folders of the workspace's packages. */
function packages() {
  const told = output("cargo", ["metadata", "--no-deps", "--locked", "--format-version", "1"]);
  return JSON.parse(told).packages.map((found) => dirname(found.manifest_path));
}
