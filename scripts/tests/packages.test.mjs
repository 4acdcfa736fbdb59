// What a package's configuration says in each case.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { debianChangelog, kinds, packageConfig, sidecarName } from "../lib/packages.mjs";
import { ROOT } from "../lib/steps.mjs";

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

test("nothing that every package shares says how to sign", () => {
  for (const file of ["tauri.conf.json", "src-tauri/bundle.conf.json"]) {
    assert.ok(!readFileSync(`${ROOT}/${file}`, "utf8").includes("signingIdentity"), file);
  }
});

test("each system has its kinds, and its names of programs", () => {
  assert.deepEqual(kinds("linux"), ["deb", "rpm"]);
  assert.deepEqual(kinds("darwin"), ["app", "dmg"]);
  assert.deepEqual(kinds("win32"), ["nsis", "msi"]);
  assert.equal(
    sidecarName("taskpaw-backend", "x86_64-pc-windows-msvc"),
    "taskpaw-backend-x86_64-pc-windows-msvc.exe",
  );
  assert.equal(sidecarName("taskpaw-ports", "aarch64-apple-darwin"), "taskpaw-ports-aarch64-apple-darwin");
});

test("Debian's list of changes has the points of the version, and of no other", () => {
  const changes = "# Changes\n\n## 4.0.1\n\n- One thing\n  in two lines.\n- Another.\n\n## 4.0.0\n\n- Old.\n";
  const made = debianChangelog({ version: "4.0.1", changes, date: new Date(0) });
  assert.equal(
    made,
    "task-paw (4.0.1) stable; urgency=medium\n\n  * One thing\n    in two lines.\n  * Another.\n\n" +
      " -- The TaskPaw developers <developers@taskpaw.app>  Thu, 01 Jan 1970 00:00:00 +0000\n",
  );
  assert.match(debianChangelog({ version: "9.9.9", changes, date: new Date(0) }), /\* See the/);
});

test("the Windows installer ends by folder and never by name", () => {
  const hooks = readFileSync(`${ROOT}/packaging/windows/hooks.nsh`, "utf8");
  assert.match(hooks, /StartsWith\(\$\$here/);
  for (const byName of [/taskkill/i, /Stop-Process -Name/i, /Get-Process -Name/i, /nsProcess/i]) {
    assert.doesNotMatch(hooks, byName);
  }
});
