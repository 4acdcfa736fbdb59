// `npm run bundle`: the packages of this system, in target/packages: deb, rpm and archive, NSIS, or app and dmg.
// `npm run bundle -- --version 4.0.1 [--kinds deb] [--from DIR]`: of another version, or of other programs, for tests.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { extname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import {
  ARCHIVE,
  debianChangelog,
  kinds,
  MANUALS,
  packageConfig,
  packageName,
  sidecarName,
  signingEnv,
} from "./lib/packages.mjs";
import { packArchive, stageArchive } from "./lib/archive.mjs";
import { buildPrograms, copyAsVersion, ensureNodeModules } from "./lib/programs.mjs";
import { main, output, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

const SUFFIX = process.platform === "win32" ? ".exe" : "";

await main(async () => {
  const { values } = parseArgs({
    options: {
      version: { type: "string" },
      kinds: { type: "string" },
      from: { type: "string" },
    },
  });
  const version = values.version ?? JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
  await ensureSystem();
  await ensureNodeModules();
  if (!values.from) await buildPrograms();

  const stage = join(ROOT, "target", "stage", version);
  rmSync(stage, { recursive: true, force: true });
  copyAsVersion(version, join(stage, "release"), values.from && resolve(values.from));
  stageSidecars(stage);
  if (process.platform === "linux") stageManuals(stage);
  const seconds = secondsOfSources();
  stageChangelog(stage, version, seconds);
  const config = packageConfig({
    platform: process.platform,
    version,
    stage: `target/stage/${version}`,
    identity: process.env.APPLE_SIGNING_IDENTITY,
  });
  const wanted = values.kinds?.split(",") ?? kinds(process.platform);
  say(`packing ${wanted.join(" and ")} of ${version}`);
  const tauri = join(ROOT, "node_modules", "@tauri-apps", "cli", "tauri.js");
  const byTauri = wanted.filter((kind) => kind !== ARCHIVE);
  const args = ["bundle", "--ci", "--bundles", byTauri.join(",")];
  const configs = ["--config", "src-tauri/bundle.conf.json", "--config", JSON.stringify(config)];
  const env = { ...signingEnv(process.env), SOURCE_DATE_EPOCH: seconds };
  if (byTauri.length > 0) {
    await run(process.execPath, [tauri, ...args, ...configs], { env: { ...env, CARGO_TARGET_DIR: stage } });
    await packAgain(join(stage, "release", "bundle", "deb"), env);
  }
  if (wanted.includes(ARCHIVE)) await archive(stage, version, seconds);
  collect(join(stage, "release", "bundle"), version);
});

/** Puts the programs where Tauri looks for them: each with the name of its system. */
function stageSidecars(stage) {
  const triple = /^host: (.*)$/m.exec(output("rustc", ["-vV"]) ?? "")?.[1];
  if (!triple) throw new StepError("rustc does not say for which system it builds: run `rustc -vV`");
  mkdirSync(join(stage, "sidecar"), { recursive: true });
  for (const name of ["taskpaw-backend", "taskpaw-ports"]) {
    copyFileSync(join(stage, "release", name + SUFFIX), join(stage, "sidecar", sidecarName(name, triple)));
  }
}

/** The archive, beside what Tauri has packed. */
async function archive(stage, version, seconds) {
  const folder = join(stage, "archive");
  const manuals = MANUALS.map((name) => join(stage, `${name}.gz`));
  stageArchive({ folder, version, programs: join(stage, "release"), manuals });
  const made = join(stage, "release", "bundle", ARCHIVE);
  mkdirSync(made, { recursive: true });
  await packArchive({ folder, version, seconds, to: join(made, "TaskPaw.tar.gz") });
}

/** The pages of the app and the backend are files; `taskpaw-ports` makes its own. */
function stageManuals(stage) {
  for (const name of MANUALS) {
    const page = name.startsWith("taskpaw-ports")
      ? output(join(stage, "release", "taskpaw-ports"), ["manual"])
      : readFileSync(join(ROOT, "packaging", "man", name), "utf8");
    writeFileSync(join(stage, `${name}.gz`), gzipSync(`${page.trimEnd()}\n`, { level: 9 }));
  }
}

/** The date of the package is the commit's, so that the same sources make the same package. */
function secondsOfSources() {
  const now = () => String(Math.floor(Date.now() / 1000));
  return process.env.SOURCE_DATE_EPOCH ?? output("git", ["log", "-1", "--format=%ct"]) ?? now();
}

function stageChangelog(stage, version, seconds) {
  const date = new Date(Number(seconds) * 1000);
  const changes = readFileSync(join(ROOT, "CHANGELOG.md"), "utf8");
  writeFileSync(
    join(stage, "changelog.gz"),
    gzipSync(debianChangelog({ version, changes, date }), { level: 9 }),
  );
}

/** Tauri puts the time of packing into a Debian package; Debian's own tool takes the date of the sources. */
async function packAgain(folder, env) {
  if (!existsSync(folder) || !output("dpkg-deb", ["--version"])) return;
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".deb"))) {
    const files = join(folder, "files");
    await run("dpkg-deb", ["--raw-extract", join(folder, name), files]);
    await run("dpkg-deb", ["--root-owner-group", "-Zgzip", "--build", files, join(folder, name)], { env });
    rmSync(files, { recursive: true });
  }
}

/** Copies the finished packages to one folder and writes the checksums of all that are there beside them. */
function collect(folder, version) {
  const packages = join(ROOT, "target", "packages");
  mkdirSync(packages, { recursive: true });
  const { platform, arch } = process;
  const made = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => ({
      path: join(entry.parentPath ?? entry.path, entry.name),
      name: packageName({ file: entry.name, version, platform, arch }),
    }))
    .filter(({ name }) => name);
  if (made.length === 0) throw new StepError("no package was made");
  // Whoever looks for a package of this version finds this build's, and none that was called otherwise.
  const ofThisVersion = (name) => name.startsWith(`TaskPaw_${version}_`);
  for (const name of readdirSync(packages).filter(ofThisVersion)) {
    if (made.some((other) => extname(other.name) === extname(name))) rmSync(join(packages, name));
  }
  for (const { path, name } of made) copyFileSync(path, join(packages, name));
  writeFileSync(join(packages, "SHA256SUMS"), checksums(packages));
  for (const { name } of made) say(`made target/packages/${name}`);
}

function checksums(folder) {
  const names = readdirSync(folder).filter((name) => /\.(deb|rpm|exe|dmg|tar\.gz)$/.test(name));
  const sum = (name) =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  return names
    .sort()
    .map((name) => `${sum(name)}  ${name}\n`)
    .join("");
}
