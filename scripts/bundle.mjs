// `npm run bundle`: the packages of this system, in target/packages: deb and rpm, NSIS and MSI, or app and dmg.
// `npm run bundle -- --version 4.0.1 [--kinds deb]`: of another version, for upgrade tests.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { debianChangelog, kinds, packageConfig, sidecarName } from "./lib/packages.mjs";
import { buildPrograms, copyAsVersion, ensureNodeModules } from "./lib/programs.mjs";
import { main, output, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

const SUFFIX = process.platform === "win32" ? ".exe" : "";

await main(async () => {
  const { values } = parseArgs({ options: { version: { type: "string" }, kinds: { type: "string" } } });
  const version = values.version ?? JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;
  await ensureSystem();
  await ensureNodeModules();
  await buildPrograms();

  const stage = join(ROOT, "target", "stage", version);
  rmSync(stage, { recursive: true, force: true });
  copyAsVersion(version, join(stage, "release"));
  stageSidecars(stage);
  stageChangelog(stage, version);
  const config = packageConfig({
    platform: process.platform,
    version,
    stage: `target/stage/${version}`,
    identity: process.env.APPLE_SIGNING_IDENTITY,
  });
  const wanted = values.kinds?.split(",") ?? kinds(process.platform);
  say(`packing ${wanted.join(" and ")} of ${version}`);
  const tauri = join(ROOT, "node_modules", "@tauri-apps", "cli", "tauri.js");
  const args = ["bundle", "--ci", "--bundles", wanted.join(",")];
  const configs = ["--config", "src-tauri/bundle.conf.json", "--config", JSON.stringify(config)];
  await run(process.execPath, [tauri, ...args, ...configs], {
    env: { ...process.env, CARGO_TARGET_DIR: stage },
  });
  collect(join(stage, "release", "bundle"));
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

/** The date is the commit's, so that the same sources make the same package. */
function stageChangelog(stage, version) {
  const seconds = process.env.SOURCE_DATE_EPOCH ?? output("git", ["log", "-1", "--format=%ct"]);
  const date = seconds ? new Date(Number(seconds) * 1000) : new Date();
  const changes = readFileSync(join(ROOT, "CHANGELOG.md"), "utf8");
  writeFileSync(
    join(stage, "changelog.gz"),
    gzipSync(debianChangelog({ version, changes, date }), { level: 9 }),
  );
}

/** Copies the finished packages to one folder and writes their checksums beside them. */
function collect(folder) {
  const packages = join(ROOT, "target", "packages");
  mkdirSync(packages, { recursive: true });
  const isPackage = /\.(deb|rpm|exe|msi|dmg)$/;
  const made = readdirSync(folder, { recursive: true })
    .map((path) => join(folder, path))
    .filter((path) => isPackage.test(path) && statSync(path).isFile());
  if (made.length === 0) throw new StepError("no package was made");
  for (const path of made) copyFileSync(path, join(packages, basename(path)));
  const names = readdirSync(packages).filter((name) => isPackage.test(name));
  const sums = names.sort().map((name) => {
    const sum = createHash("sha256")
      .update(readFileSync(join(packages, name)))
      .digest("hex");
    return `${sum}  ${name}\n`;
  });
  writeFileSync(join(packages, "SHA256SUMS"), sums.join(""));
  for (const path of made) say(`made target/packages/${basename(path)}`);
}
