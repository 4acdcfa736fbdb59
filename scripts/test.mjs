// `npm test`: everything that a change must pass. Installs what it needs.
// `npm test -- --release`: with the programs that people get, which take ten minutes longer to build.
// `npm test -- --once`: nothing is kept for a second run, which halves what it takes of the disk.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { canCheck, MACOS, TARGET as CROSS } from "./lib/cross.mjs";
import {
  buildPrograms,
  buildWindow,
  copyAsVersion,
  DEVELOPMENT,
  ensureNodeModules,
  RELEASE,
} from "./lib/programs.mjs";
import { main, output, ROOT, run, say } from "./lib/steps.mjs";
import { canInstallDebian, ensureSystem, isDebian } from "./lib/system.mjs";
import { CURRENT, NEWER as NEXT } from "./lib/versions.mjs";
import { WINE_PACKAGES } from "./lib/wine.mjs";

/** The versions of the tools that the tests need: what a new one does differently is a change like any other. */
const NEXTEST = "0.9.143";
const TAURI_DRIVER = "2.1.0";
/** Tools of the tests, in the checkout's own target folder. */
const TOOLS = join(ROOT, "target", "tools");
/** The two versions of the programs for the tests. */
const TESTED = { version: CURRENT, folder: join(ROOT, "target", "tested") };
const NEWER = { version: NEXT, folder: join(ROOT, "target", "newer") };

/** The tests that are marked `#[ignore = "needs root"]`: users, networks and disks of their own. */
const NEED_ROOT =
  "package(taskpaw-tests) and (test(/^users::/) or test(/^disk::/) or test(/another_pid_namespace/))";

/** The window's tests and their kin need Linux's virtual display and its process files. */
const ON_LINUX = process.platform === "linux";
const WORKSPACE = [
  "--workspace",
  ...(ON_LINUX ? [] : ["taskpaw-tests", "taskpaw-bench"].flatMap((name) => ["--exclude", name])),
];

await main(async () => {
  const { values } = parseArgs({ options: { release: { type: "boolean" }, once: { type: "boolean" } } });
  await ensureSystem({ tests: true });
  await ensureNodeModules();
  await ensureTools();

  say("format");
  await run("node", ["scripts/format.mjs", "--check"]);
  await run("node", ["scripts/check-floors.mjs"]);
  await buildWindow();
  say("lints and types of the window");
  await run("npm", ["run", "--silent", "lint:ui"]);
  await run("npm", ["run", "--silent", "check:ui"]);
  say("lints and types of the programs");
  await run("cargo", ["clippy", ...WORKSPACE, "--all-targets", "--locked", "--", "-D", "warnings"]);
  say("documentation");
  const env = { ...process.env, RUSTDOCFLAGS: "-D warnings" };
  await run("cargo", ["doc", ...WORKSPACE, "--no-deps", "--locked", "--document-private-items"], { env });

  const programs = values.release ? RELEASE : DEVELOPMENT;
  if (values.release) await buildPrograms();
  say("building the tests and what they run");
  await run("cargo", ["build", ...WORKSPACE, "--all-targets", "--locked"]);
  for (const { version, folder } of [TESTED, NEWER]) copyAsVersion(version, folder, programs);
  if (output("dpkg", ["--version"])) {
    say("packages");
    for (const { version } of [TESTED, NEWER]) {
      await run("node", ["scripts/bundle.mjs", "--kinds", "deb", "--version", version, "--from", programs]);
    }
    if (isDebian()) await run("node", ["scripts/check-package.mjs"]);
  }
  await checkOtherSystems(values.once);
  say("tests of the scripts");
  await run("node", ["--test", "scripts/tests/"], { stdio: "inherit" });
  say("tests of the window's parts");
  await run("npm", ["run", "--silent", "test:ui"], { stdio: "inherit" });
  if (ON_LINUX) {
    say("the window's pages in a browser");
    await run("npm", ["run", "--silent", "check:pages"]);
    say("tests of the programs: units, properties, real processes, the real window");
  } else {
    say(
      "tests of the programs: units, properties, real processes (SKIPPED: the window, which is tested on Linux)",
    );
  }
  await testPrograms();
});

async function ensureTools() {
  if (!output("cargo", ["nextest", "--version"])) {
    say("installing cargo-nextest");
    await run("cargo", ["install", "--locked", "--version", NEXTEST, "cargo-nextest"]);
  }
  if (process.platform === "linux" && !existsSync(join(TOOLS, "bin", "tauri-driver"))) {
    say("installing tauri-driver");
    await run("cargo", ["install", "--locked", "--version", TAURI_DRIVER, "--root", TOOLS, "tauri-driver"]);
  }
}

/** What is for macOS and Windows, as far as it can be known here; `once` removes what was built for it. */
async function checkOtherSystems(once) {
  if (!ON_LINUX) return;
  if (!(await canCheck())) {
    say("SKIPPED: whether the programs compile for macOS and Windows. That needs Debian 12's rustc-web");
    return;
  }
  say("the programs compile for macOS and Windows");
  await run("node", ["scripts/check-macos.mjs"]);
  if (once) rmSync(join(CROSS, MACOS), { recursive: true, force: true });
  if (!(await canInstallDebian(WINE_PACKAGES))) {
    say("SKIPPED: the tests for Windows. They need Debian's wine64 and nsis");
    await run("node", ["scripts/check-windows.mjs"]);
    return;
  }
  // Their build lints what check-windows lints: to check first would compile every dependency twice.
  say("tests for Windows, in Wine");
  await run("node", ["scripts/test-windows.mjs"]);
  if (once) rmSync(CROSS, { recursive: true, force: true });
}

async function testPrograms() {
  await run("cargo", ["test", "--doc", "--locked", "-p", "port-takeover"], { stdio: "inherit" });
  const env = {
    ...process.env,
    TASKPAW_TEST_PROGRAMS: TESTED.folder,
    TASKPAW_TEST_NEWER: NEWER.folder,
    TASKPAW_TEST_PACKAGES: join(ROOT, "target", "packages"),
    TASKPAW_TEST_DRIVER: join(TOOLS, "bin", "tauri-driver"),
  };
  const options = { env, stdio: "inherit" };
  await run("cargo", ["nextest", "run", ...WORKSPACE, "--locked", "--no-fail-fast"], options);
  if (!ON_LINUX) return;
  const asRoot = ["nextest", "run", ...WORKSPACE, "--locked", "--run-ignored", "only", "-E", NEED_ROOT];
  if (process.getuid() === 0) await run("cargo", asRoot, options);
  // Elsewhere nobody is asked for a password; a machine of CI wants none.
  else if (process.env.CI && output("sudo", ["--non-interactive", "true"]) !== undefined) {
    const keep = [`PATH=${process.env.PATH}`, `HOME=${process.env.HOME}`];
    await run("sudo", ["--preserve-env", "env", ...keep, "cargo", ...asRoot], options);
  } else say("SKIPPED: the tests that need root. Run npm test as root for them");
}
