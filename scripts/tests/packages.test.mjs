// What a package's configuration says in each case.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  debianChangelog,
  kinds,
  packageConfig,
  packageName,
  sidecarName,
  signingEnv,
} from "../lib/packages.mjs";
import { PROGRAMS as FILES } from "../lib/programs.mjs";
import { ROOT } from "../lib/steps.mjs";

const PROGRAMS = FILES.map((name) => name.replace(".exe", ""));

const stage = "target/stage/4.0.1";
const config = (platform, identity) => packageConfig({ platform, version: "4.0.1", stage, identity });

test("the host and both programs beside it are of one version", () => {
  for (const platform of ["linux", "darwin", "win32"]) {
    assert.equal(config(platform).version, "4.0.1");
    assert.deepEqual(config(platform).bundle.externalBin, [
      `${stage}/sidecar/taskpaw-backend`,
      `${stage}/sidecar/taskpaw-ports`,
    ]);
  }
});

test("macOS is signed ad hoc only if there is no identity", () => {
  assert.equal(config("darwin").bundle.macOS.signingIdentity, "-");
  assert.equal(config("darwin", "").bundle.macOS.signingIdentity, "-");
  assert.equal(config("darwin", "Developer ID Application: Somebody").bundle.macOS, undefined);
  assert.equal(config("linux").bundle.macOS, undefined);
  assert.equal(config("win32").bundle.macOS, undefined);
});

test("secrets that are not set are not given to the packer", () => {
  const secrets = { APPLE_CERTIFICATE: "c", APPLE_ID: "", APPLE_SIGNING_IDENTITY: "i" };
  assert.deepEqual(signingEnv({ PATH: "p", EMPTY: "", ...secrets }), {
    PATH: "p",
    EMPTY: "",
    APPLE_CERTIFICATE: "c",
    APPLE_SIGNING_IDENTITY: "i",
  });
  assert.deepEqual(signingEnv({ PATH: "p", ...secrets, APPLE_SIGNING_IDENTITY: "" }), { PATH: "p" });
});

test("nothing that every package shares says how to sign", () => {
  for (const file of ["tauri.conf.json", "src-tauri/bundle.conf.json"]) {
    assert.ok(!readFileSync(`${ROOT}/${file}`, "utf8").includes("signingIdentity"), file);
  }
});

test("Linux's packages have a manual page for each program", () => {
  const { deb, rpm } = config("linux").bundle.linux;
  for (const name of PROGRAMS) {
    const place = `/usr/share/man/man1/${name}.1.gz`;
    assert.equal(deb.files[place], `${stage}/${name}.1.gz`);
    assert.equal(rpm.files[place], `${stage}/${name}.1.gz`);
  }
});

test("macOS is told why a hub uses the local network, and what it looks for there", () => {
  const shared = JSON.parse(readFileSync(`${ROOT}/src-tauri/bundle.conf.json`, "utf8"));
  const plist = readFileSync(`${ROOT}/${shared.bundle.macOS.infoPlist}`, "utf8");
  assert.match(plist, /<key>NSLocalNetworkUsageDescription<\/key>\s*<string>[^<]+<\/string>/);
  const discovery = readFileSync(`${ROOT}/crates/taskpaw-backend/src/discovery.rs`, "utf8");
  const [, service] = /const SERVICE: &str = "(_[a-z]+\._tcp)\.local\."/.exec(discovery);
  assert.match(plist, new RegExp(`<key>NSBonjourServices</key>\\s*<array>\\s*<string>${service}</string>`));
  const agent = readFileSync(`${ROOT}/packaging/launchd/app.taskpaw.hub.plist`, "utf8");
  assert.match(agent, /<key>AssociatedBundleIdentifiers<\/key><string>app\.taskpaw\.desktop<\/string>/);
});

test("each system has its kinds, and its names of programs", () => {
  assert.deepEqual(kinds("linux"), ["deb", "rpm", "archive"]);
  assert.deepEqual(kinds("darwin"), ["app", "dmg"]);
  assert.deepEqual(kinds("win32"), ["nsis"]);
  assert.equal(
    sidecarName("taskpaw-backend", "x86_64-pc-windows-msvc"),
    "taskpaw-backend-x86_64-pc-windows-msvc.exe",
  );
  assert.equal(sidecarName("taskpaw-ports", "aarch64-apple-darwin"), "taskpaw-ports-aarch64-apple-darwin");
});

test("the files of a release sort by version, system and machine, whatever the tools call them", () => {
  const name = (file, platform, arch) => packageName({ file, version: "4.0.1", platform, arch });
  const names = [
    name("TaskPaw_4.0.1_arm64.deb", "linux", "arm64"),
    name("TaskPaw_4.0.1_amd64.deb", "linux", "x64"),
    name("TaskPaw-4.0.1-1.x86_64.rpm", "linux", "x64"),
    name("TaskPaw_4.0.1_aarch64.dmg", "darwin", "arm64"),
    name("TaskPaw_4.0.1_x64-setup.exe", "win32", "x64"),
  ];
  assert.deepEqual(names, [
    "TaskPaw_4.0.1_linux_arm64.deb",
    "TaskPaw_4.0.1_linux_x64.deb",
    "TaskPaw_4.0.1_linux_x64.rpm",
    "TaskPaw_4.0.1_macos_arm64.dmg",
    "TaskPaw_4.0.1_windows_x64.exe",
  ]);
  assert.deepEqual(names, [...names].sort());
  assert.equal(name("control.tar.gz", "linux", "x64"), undefined);
});

test("Debian's list of changes has the points of the version, and of no other", () => {
  const long = "a word ".repeat(12).trim();
  const changes = `# Changes\n\n## 4.0.1\n\n- One thing\n  in two lines.\n- ${long}\n\n## 4.0.0\n\n- Old.\n`;
  const made = debianChangelog({ version: "4.0.1", changes, date: new Date(0) });
  assert.equal(
    made,
    "task-paw (4.0.1) stable; urgency=medium\n\n  * One thing in two lines.\n" +
      `  * ${"a word ".repeat(10)}a word\n    a word\n\n` +
      " -- The TaskPaw developers <developers@taskpaw.app>  Thu, 01 Jan 1970 00:00:00 +0000\n",
  );
  assert.match(debianChangelog({ version: "9.9.9", changes, date: new Date(0) }), /\* See the/);
});

test("the Windows installer ends each program by its whole path, and nothing by its name alone", () => {
  const hooks = readFileSync(`${ROOT}/packaging/windows/hooks.nsh`, "utf8");
  const compared = [...hooks.matchAll(/\$5 == "(.*)"/g)].map(([, path]) => path);
  assert.deepEqual(
    compared,
    PROGRAMS.map((name) => `$6\\${name}.exe`),
  );
  for (const byName of [/taskkill/i, /Stop-Process/i, /nsProcess/i, /Find\w*Process/i]) {
    assert.doesNotMatch(hooks, byName);
  }
});
