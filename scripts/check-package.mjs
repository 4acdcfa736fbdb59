// `npm run check:package`: whether the Debian package of this version is what Debian, a desktop and a software
// centre expect. `-- --new-machine`: also that it starts on a machine that has nothing but what it declares to need.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startOnNewMachine } from "./lib/machine.mjs";
import { packageName } from "./lib/packages.mjs";
import { main, output, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { installDebian, isDebian } from "./lib/system.mjs";

/** The sizes of the picture of a program that a desktop asks for. */
const SIZES = [16, 24, 32, 48, 64, 96, 128, 256, 512];

await main(async () => {
  const { values } = parseArgs({ options: { "new-machine": { type: "boolean" } } });
  if (!isDebian()) throw new StepError("This check needs Debian's tools: run it there.");
  await installDebian(["lintian", "desktop-file-utils", "appstream"]);
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const file = packageName({ file: "made.deb", version, platform: process.platform, arch: process.arch });
  const path = join(ROOT, "target", "packages", file);
  if (!existsSync(path)) await run(process.execPath, ["scripts/bundle.mjs", "--kinds", "deb"]);

  lint(path);
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-package-"));
  try {
    await run("dpkg-deb", ["--extract", path, folder]);
    await checkDesktop(join(folder, "usr", "share"));
    checkLibrary(path, join(folder, "usr", "bin"));
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (values["new-machine"]) await startOnNewMachine(path);
});

/** An error of lintian is a failure; what it only warns of is told. */
function lint(path) {
  const args = ["--allow-root", "--no-cfg", "--fail-on", "error", "--tag-display-limit", "0", path];
  const ran = spawnSync("lintian", args, { encoding: "utf8" });
  process.stderr.write(ran.stdout + ran.stderr);
  if (ran.status !== 0) throw new StepError("lintian has an error");
  say("lintian has no error");
}

async function checkDesktop(share) {
  await run("desktop-file-validate", [join(share, "applications", "TaskPaw.desktop")]);
  const about = join(share, "metainfo", "app.taskpaw.desktop.metainfo.xml");
  await run("appstreamcli", ["validate", "--no-net", about]);
  const entry = readFileSync(join(share, "applications", "TaskPaw.desktop"), "utf8");
  const icon = /^Icon=(.*)$/m.exec(entry)?.[1];
  const sizes = SIZES.filter((size) => isPicture(join(share, "icons", "hicolor"), icon, size));
  const missing = SIZES.filter((size) => !sizes.includes(size));
  if (missing.length > 0) throw new StepError(`there is no picture ${icon} of ${missing.join(", ")} dots`);
  say("the desktop entry, its pictures in all sizes and the AppStream data are as they should be");
}

/** Whether the programs ask for no newer C library than the package does. */
function checkLibrary(path, programs) {
  const declared = /libc6 \(>= ([\d.]+)\)/.exec(output("dpkg-deb", ["--field", path, "Depends"]))?.[1];
  for (const name of readdirSync(programs)) {
    const symbols = output("objdump", ["-T", join(programs, name)]) ?? "";
    const needed = new Set([...symbols.matchAll(/GLIBC_([\d.]+)/g)].map(([, version]) => version));
    const newer = [...needed].filter((version) => !isAtMost(version, declared));
    if (needed.size === 0 || newer.length > 0) {
      throw new StepError(`${name} needs libc6 ${newer.join(", ")}, and the package declares ${declared}`);
    }
  }
  say(`the programs need no newer C library than the declared one, ${declared}`);
}

function isAtMost(version, other) {
  return output("dpkg", ["--compare-versions", version, "le", other]) !== undefined;
}

/** Whether a picture of this size is where a desktop looks, and has this size. */
function isPicture(icons, name, size) {
  const folder = readdirSync(icons).find((folder) => folder === `${size}x${size}`);
  const path = folder && join(icons, folder, "apps", `${name}.png`);
  if (!path || !existsSync(path)) return false;
  // A PNG has its width and its height in its first part.
  const picture = readFileSync(path);
  return picture.readUInt32BE(16) === size && picture.readUInt32BE(20) === size;
}
