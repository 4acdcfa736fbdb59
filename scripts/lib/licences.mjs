// The licences of what becomes part of TaskPaw, as data: from what Cargo and npm say of the packages that the programs and the window are made of.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, StepError } from "./steps.mjs";

/** What people get. */
const PROGRAMS = ["taskpaw", "taskpaw-backend", "taskpaw-ports"];
/** What of the window's packages becomes part of it; all others only make it. */
const WINDOW = ["svelte", "i18next", "@tauri-apps/api"];

/** `MIT OR Apache-2.0`, however a package writes it. */
function written(licence) {
  const parts = licence.split(/\s+OR\s+|\s*\/\s*/);
  const isPlain = parts.every((part) => !/[()]|\bAND\b/.test(part));
  return isPlain ? parts.sort().join(" OR ") : licence;
}

/** The names of packages by their licence, of all systems: one list is true for every package. */
export function licencesOf(metadata, lock) {
  const packages = new Map(metadata.packages.map((each) => [each.id, each]));
  const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
  const open = metadata.packages
    .filter(({ name, source }) => !source && PROGRAMS.includes(name))
    .map(({ id }) => id);
  const seen = new Set(open);
  for (let id = open.pop(); id; id = open.pop()) {
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      // What only builds or tests it is no part of it.
      if (seen.has(pkg) || !dep_kinds.some(({ kind }) => kind === null)) continue;
      seen.add(pkg);
      open.push(pkg);
    }
  }
  const found = [...seen].map((id) => packages.get(id)).filter(({ source }) => source);
  const inWindow = new Set();
  const add = (name) => {
    const entry = lock.packages[`node_modules/${name}`];
    if (!entry || inWindow.has(name)) return;
    inWindow.add(name);
    // Of Svelte's own packages those that a page imports are inside of it; its compiler's are not.
    if (name !== "svelte") Object.keys(entry.dependencies ?? {}).forEach(add);
  };
  [...WINDOW, "esm-env", "clsx"].forEach(add);
  const all = [
    ...found.map(({ name, license, license_file }) => [name, license ?? license_file]),
    ...[...inWindow].map((name) => [name, lock.packages[`node_modules/${name}`].license]),
  ];
  const nameless = all.filter(([, licence]) => !licence).map(([name]) => name);
  if (nameless.length > 0) throw new StepError(`these say no licence: ${nameless.join(", ")}`);
  const by = {};
  for (const [name, licence] of all) (by[written(licence)] ??= new Set()).add(name);
  const ordered = Object.entries(by).sort(
    ([one, ones], [other, others]) => others.size - ones.size || one.localeCompare(other),
  );
  return ordered.map(([licence, names]) => [licence, [...names].sort().join(" ")]);
}

/** The file that the window shows them from. */
export function licencesFile() {
  const args = ["metadata", "--locked", "--format-version", "1"];
  // It says some megabytes.
  const told = spawnSync("cargo", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  if (told.status !== 0) throw new StepError(`\`cargo metadata --locked\` fails: ${told.stderr}`);
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const lines = licencesOf(JSON.parse(told.stdout), lock).map((pair) => `  ${JSON.stringify(pair)},`);
  return `// Made by \`npm run generate\`: the licences of what becomes part of TaskPaw, each with its packages.\nexport const licences: readonly (readonly [string, string])[] = [\n${lines.join("\n")}\n];\n`;
}
