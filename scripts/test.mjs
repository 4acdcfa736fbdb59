// `npm test`: everything that a change must pass. Installs what it needs.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildPrograms, buildWindow, copyAsVersion, ensureNodeModules, RELEASE } from "./lib/programs.mjs";
import { main, output, ROOT, run, say } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

/** Tools of the tests, in the checkout's own target folder. */
const TOOLS = join(ROOT, "target", "tools");
/** Another version of the programs, for upgrade tests. */
const NEWER = { version: "4.0.1", folder: join(ROOT, "target", "newer") };

await main(async () => {
  await ensureSystem({ tests: true });
  await ensureNodeModules();
  await ensureTools();

  say("format");
  await run("node", ["scripts/format.mjs", "--check"]);
  await buildWindow();
  say("lints and types of the window");
  await run("npm", ["run", "--silent", "lint:ui"]);
  await run("npm", ["run", "--silent", "check:ui"]);
  say("lints and types of the programs");
  await run("cargo", ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
  say("documentation");
  const env = { ...process.env, RUSTDOCFLAGS: "-D warnings" };
  await run("cargo", ["doc", "--workspace", "--no-deps", "--locked", "--document-private-items"], { env });

  await buildPrograms();
  copyAsVersion(NEWER.version, NEWER.folder);
  if (output("dpkg", ["--version"])) {
    say("packages");
    await run("node", ["scripts/bundle.mjs", "--kinds", "deb"]);
    await run("node", ["scripts/bundle.mjs", "--kinds", "deb", "--version", NEWER.version]);
  }
  say("tests of the scripts");
  await run("node", ["--test", "scripts/tests/"], { stdio: "inherit" });
  say("tests of the window's parts");
  await run("npm", ["run", "--silent", "test:ui"], { stdio: "inherit" });
  say("the window's pages in a browser");
  await run("npm", ["run", "--silent", "check:pages"]);
  say("tests of the programs: units, properties, real processes, the real window");
  await testPrograms();
});

async function ensureTools() {
  if (!output("cargo", ["nextest", "--version"])) {
    say("installing cargo-nextest");
    await run("cargo", ["install", "--locked", "cargo-nextest"]);
  }
  if (process.platform === "linux" && !existsSync(join(TOOLS, "bin", "tauri-driver"))) {
    say("installing tauri-driver");
    await run("cargo", ["install", "--locked", "--version", "^2", "--root", TOOLS, "tauri-driver"]);
  }
}

async function testPrograms() {
  await run("cargo", ["test", "--doc", "--locked", "-p", "port-takeover"], { stdio: "inherit" });
  await run("cargo", ["nextest", "run", "--workspace", "--locked", "--no-fail-fast"], {
    env: {
      ...process.env,
      TASKPAW_TEST_PROGRAMS: RELEASE,
      TASKPAW_TEST_NEWER: NEWER.folder,
      TASKPAW_TEST_PACKAGES: join(ROOT, "target", "packages"),
      TASKPAW_TEST_DRIVER: join(TOOLS, "bin", "tauri-driver"),
    },
    stdio: "inherit",
  });
}
