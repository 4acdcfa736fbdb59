// `npm run check:floors`: whether everything in this house stands on what is below it. A crate uses only crates of lower floors, as
// ARCHITECTURE.md draws them, and between the modules of a crate everything goes one way. `--draw CRATE` prints a crate's modules,
// the lowest floor first.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { circles, families, modulesOf } from "./lib/modules.mjs";
import { main, ROOT, say, StepError } from "./lib/steps.mjs";

await main(async () => {
  const { values } = parseArgs({ options: { draw: { type: "string" } } });
  const crates = cratesOfTheWorkspace();
  if (values.draw) return draw(crates.find(({ name }) => name === values.draw)?.source);
  const faults = [...faultsOfCrates(crates, floors()), ...crates.flatMap(faultsOfModules)];
  for (const fault of faults) console.log(fault);
  if (faults.length > 0)
    throw new StepError("something uses what is not below it: see ARCHITECTURE.md, The floors");
  say(`${crates.length} crates stand on their floors, and no modules use one another in a circle`);
});

/** Each crate: its name, the crates of the workspace that its programs are made of, and the file that its modules begin in. */
function cratesOfTheWorkspace() {
  const folders = [".", ...readdirSync(join(ROOT, "crates")).map((name) => `crates/${name}`)];
  const texts = folders
    .filter((folder) => existsSync(join(ROOT, folder, "Cargo.toml")))
    .map((folder) => ({ folder, text: readFileSync(join(ROOT, folder, "Cargo.toml"), "utf8") }));
  const names = texts.map(({ text }) => /^name = "([^"]+)"/m.exec(text)[1]);
  return texts.map(({ folder, text }, at) => {
    const sources =
      folder === "."
        ? ["src-tauri/src/lib.rs"]
        : ["src/lib.rs", "src/main.rs"].map((it) => `${folder}/${it}`);
    return {
      name: names[at],
      uses: names.filter((name) => dependencies(text).includes(name)),
      source: sources.map((it) => join(ROOT, it)).find(existsSync),
    };
  });
}

/** What a manifest depends on, except for its tests. */
function dependencies(manifest) {
  const sections = manifest.split(/^(?=\[)/m).filter((it) => /^\[(?:target\..*\.)?dependencies\]/.test(it));
  return sections.flatMap((it) =>
    [...it.matchAll(/^([\w-]+)(?:\.workspace)?\s*=/gm)].map(([, name]) => name),
  );
}

/** The floors as ARCHITECTURE.md draws them, the lowest first: the names on each. */
function floors() {
  const text = readFileSync(join(ROOT, "ARCHITECTURE.md"), "utf8");
  const [, drawn] = /```floors\n([^]*?)```/.exec(text) ?? [];
  if (!drawn) throw new StepError("ARCHITECTURE.md draws no floors any more");
  return drawn
    .trim()
    .split("\n")
    .map((line) => line.split("|")[1].trim().split(/\s+/))
    .reverse();
}

function faultsOfCrates(crates, drawn) {
  const floorOf = (name) => drawn.findIndex((names) => names.includes(name));
  const missing = crates
    .filter(({ name }) => floorOf(name) < 0)
    .map(({ name }) => `${name} stands on no floor`);
  const gone = drawn
    .flat()
    .filter((name) => !crates.some((crate) => crate.name === name))
    .map((name) => `${name} is drawn, and there is no such crate`);
  const upward = crates.flatMap(({ name, uses }) =>
    uses
      .filter((used) => floorOf(used) >= floorOf(name))
      .map((used) => `${name} uses ${used}, which is not below it`),
  );
  return [...missing, ...gone, ...upward];
}

function faultsOfModules({ name, source }) {
  return [...families(modulesOf(source)).values()]
    .flatMap(circles)
    .map((circle) => `${name}: ${circle.join(", ")} use one another in a circle`);
}

/** Prints the modules of a crate by floors: each uses only what stands above it in the list. */
function draw(source) {
  if (!source) throw new StepError("Say which crate: --draw port-takeover.");
  const uses = families(modulesOf(source)).get("") ?? new Map();
  const all = new Set([...uses.keys(), ...[...uses.values()].flatMap((it) => [...it])]);
  const done = new Set();
  while (done.size < all.size) {
    const next = [...all].filter(
      (it) => !done.has(it) && [...(uses.get(it) ?? [])].every((used) => done.has(used)),
    );
    if (next.length === 0) break;
    console.log(next.sort().join("  "));
    for (const it of next) done.add(it);
  }
  const rest = [...all].filter((it) => !done.has(it));
  if (rest.length > 0) console.log(`in circles, or above them: ${rest.sort().join("  ")}`);
}
