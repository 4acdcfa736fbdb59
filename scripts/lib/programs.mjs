// Building TaskPaw's programs: the window's files, the three programs, and copies of another version.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { releaseEnv } from "./release.mjs";
import { output, ROOT, run, say, StepError } from "./steps.mjs";
import { stamp } from "./stamp.mjs";

const SUFFIX = process.platform === "win32" ? ".exe" : "";
/** The names of the three programs. */
export const PROGRAMS = ["taskpaw", "taskpaw-backend", "taskpaw-ports"].map((name) => name + SUFFIX);
/** Where release builds are. */
export const RELEASE = join(ROOT, "target", "release");
/** Where the builds of `npm test` are: they have their assertions, and the tests' own build makes them along the way. */
export const DEVELOPMENT = join(ROOT, "target", "debug");

/** Installs the window's packages if the lock file is newer than what is there. */
export async function ensureNodeModules() {
  const installed = join(ROOT, "node_modules", ".package-lock.json");
  if (existsSync(installed) && modified(installed) >= modified(join(ROOT, "package-lock.json"))) return;
  say("installing the window's packages");
  await run("npm", ["ci", "--no-audit", "--no-fund"]);
}

/** Builds the window's files if anything of them is newer than the last build. */
export async function buildWindow() {
  const built = join(ROOT, "ui", "dist", "index.html");
  const sources = [
    "ui/src",
    "ui/index.html",
    "ui/vite.config.ts",
    "ui/svelte.config.js",
    "package-lock.json",
  ];
  if (existsSync(built) && Math.max(...sources.map((path) => newest(join(ROOT, path)))) <= modified(built))
    return;
  say("building the window");
  await run("npm", ["run", "--silent", "build:ui"]);
}

/** Builds the three programs for release, and other packages with them, from the same parts. */
export async function buildPrograms(...others) {
  await buildWindow();
  say("building the programs (the first time takes some minutes)");
  await buildRelease(["taskpaw", "taskpaw-backend", "taskpaw-ports", ...others]);
}

/** Builds packages for release, here or in another checkout. */
export function buildRelease(packages, { root = ROOT, env = process.env } = {}) {
  const named = packages.flatMap((name) => ["-p", name]);
  return run("cargo", ["build", "--release", "--locked", ...named], {
    cwd: root,
    env: releaseEnv(env, root),
  });
}

/** Copies the three programs of a build into a folder, as another version. */
export function copyAsVersion(version, folder, from = RELEASE) {
  mkdirSync(folder, { recursive: true });
  for (const name of PROGRAMS) {
    const to = join(folder, name);
    copyFileSync(join(from, name), to);
    chmodSync(to, 0o755);
    // A release has no symbols, and with them the others are ten times as large.
    if (from === DEVELOPMENT && process.platform === "linux") strip(to);
    writeFileSync(to, stamp(readFileSync(to), version));
    // A changed program has lost its signature, and Apple silicon runs none without one.
    if (process.platform === "darwin") output("codesign", ["--force", "--sign", "-", to]);
  }
}

function strip(program) {
  if (output("strip", [program]) === undefined) {
    throw new StepError(`${basename(program)} cannot be stripped: install Debian's binutils`);
  }
}

function modified(path) {
  return statSync(path).mtimeMs;
}

function newest(path) {
  if (!statSync(path).isDirectory()) return modified(path);
  return Math.max(modified(path), ...readdirSync(path).map((name) => newest(join(path, name))));
}
