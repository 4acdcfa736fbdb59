// `npm run check:reproducible`: builds the programs twice, in two copies of the sources and with two names of the folder
// of crates, and compares them byte by byte. `-- --programs taskpaw-backend,taskpaw-ports`: some of them.
import { createHash } from "node:crypto";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { buildRelease, buildWindow, ensureNodeModules, PROGRAMS } from "./lib/programs.mjs";
import { main, output, ROOT, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

/** So many letters of a difference are told. */
const TOLD = 120;

await main(async () => {
  const { values } = parseArgs({ options: { programs: { type: "string" } } });
  const programs = values.programs?.split(",") ?? PROGRAMS;
  await ensureSystem();
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-twice-"));
  try {
    if (programs.some(hasWindow)) {
      await ensureNodeModules();
      await buildWindow();
    }
    const places = [join(folder, "one"), join(folder, "another place", "of-other-length")];
    // Both at once: a build takes minutes, in which somebody may go on writing here.
    for (const place of places) copySources(place, programs);
    for (const place of places) await buildAt(place, programs, place !== places[0]);
    const differing = programs.filter(
      (name) => !isSame(places.map((place) => join(place, "target", "release", name))),
    );
    if (differing.length > 0) throw new StepError(`not the same in two builds: ${differing.join(", ")}`);
    say("two builds in two places made the same programs");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Copies the sources: what Git knows, and the window's files. */
function copySources(place, programs) {
  for (const name of output("git", ["ls-files", "-z"]).split("\0").filter(Boolean)) copy(name, place);
  if (programs.some(hasWindow)) {
    // Of one build: the window is compared in the programs.
    cpSync(join(ROOT, "ui", "dist"), join(place, "ui", "dist"), { recursive: true });
  }
}

async function buildAt(place, programs, isElsewhere) {
  const env = { ...process.env };
  delete env.CARGO_TARGET_DIR;
  if (isElsewhere) env.CARGO_HOME = cratesElsewhere(place);
  say(`building ${programs.join(", ")} in ${place} (some minutes)`);
  await buildRelease(
    programs.map((name) => name.replace(".exe", "")),
    { root: place, env },
  );
}

/** Whether the window's files are part of a program. */
function hasWindow(name) {
  return /^taskpaw(\.exe)?$/.test(name);
}

function copy(name, place) {
  const to = join(place, name);
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(join(ROOT, name), to);
}

/** Another name for the folder of the crates. */
function cratesElsewhere(place) {
  const home = join(place, "target", "crates of another person");
  mkdirSync(home, { recursive: true });
  symlinkSync(
    join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry"),
    join(home, "registry"),
    "junction",
  );
  return home;
}

function isSame(paths) {
  const [one, other] = paths.map((path) => readFileSync(path));
  const sums = [one, other].map((bytes) => createHash("sha256").update(bytes).digest("hex"));
  const name = paths[0].split(/[\\/]/).at(-1);
  if (sums[0] === sums[1]) {
    say(`${name}: ${sums[0]}, ${one.length} bytes, twice`);
    return true;
  }
  say(`${name}: ${sums[0]}, ${one.length} bytes, and ${sums[1]}, ${other.length} bytes`);
  for (const line of differences(paths, one, other)) say(`  ${line}`);
  return false;
}

/** What differs, by section where they can be listed, each with its first different place. */
function* differences(paths, one, other) {
  const [sections, others] = paths.map(sectionsOf);
  const whole = { from: 0, size: Math.max(one.length, other.length) };
  for (const [name, section] of sections.size > 0 ? sections : [["the file", whole]]) {
    const second = others.get(name) ?? (name === "the file" ? whole : { from: 0, size: 0 });
    const [left, right] = [part(one, section), part(other, second)];
    if (left.equals(right)) continue;
    let at = 0;
    while (at < Math.min(left.length, right.length) && left[at] === right[at]) at += 1;
    yield `${name}: ${section.size} and ${second.size} bytes, from ${at} on: ${text(left, at)} | ${text(right, at)}`;
  }
}

function part(bytes, { from, size }) {
  return bytes.subarray(from, from + size);
}

/** The letters around a place. */
function text(bytes, at) {
  const around = bytes.subarray(Math.max(0, at - TOLD / 4), at + TOLD).toString("latin1");
  return around.replaceAll(/[^ -~]+/g, "·");
}

/** Where each section of a program is in its file. */
function sectionsOf(path) {
  const lines = (output("objdump", ["-h", "-w", path]) ?? "").split("\n");
  const found = lines
    .map((line) => /^\s*\d+ (\S+)\s+([0-9a-f]+)\s+[0-9a-f]+\s+[0-9a-f]+\s+([0-9a-f]+).*CONTENTS/.exec(line))
    .filter(Boolean);
  return new Map(
    found.map(([, name, size, from]) => [name, { size: parseInt(size, 16), from: parseInt(from, 16) }]),
  );
}
