// What a published list of contents has, and what it does not tell.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listName, LISTS, missingIn, settled } from "../lib/sbom.mjs";
import { ROOT } from "../lib/steps.mjs";

const made = (number, folder, timestamp) =>
  JSON.stringify({
    bomFormat: "CycloneDX",
    serialNumber: `urn:uuid:${number}`,
    metadata: { timestamp, component: { name: "somewhere", version: "0.0.0" } },
    components: [
      { name: "port-takeover", "bom-ref": `path+file://${folder}/crates/port-takeover#4.0.1` },
      { group: "@tauri-apps", name: "api" },
    ],
  });

test("two lists of the same sources are the same, wherever and whenever they were made", () => {
  const settle = (text, root) => settled(text, { list: "window", version: "4.0.1", root });
  const one = settle(made("1", "/home/one/taskpaw", "2026-01-01"), "/home/one/taskpaw");
  const two = settle(made("2", "/srv/two", "2026-02-02"), "/srv/two/");
  assert.equal(one, two);
  const { metadata, components } = JSON.parse(one);
  assert.deepEqual(metadata, { component: { name: "taskpaw-window", version: "4.0.1" } });
  assert.equal(components[0]["bom-ref"], "path+file:///crates/port-takeover#4.0.1");
});

test("a list that was made of something else is found out", () => {
  const missing = LISTS.window.filter((name) => name !== "@tauri-apps/api");
  assert.deepEqual(missingIn(made("1", "/x", ""), "window"), missing);
});

test("the lists of a release are in order, and beside each other", () => {
  const names = Object.keys(LISTS).map((list) => listName(list, "4.0.1"));
  assert.equal(names[0], "TaskPaw_4.0.1_sbom_host.cdx.json");
  assert.deepEqual([...names].sort(), [
    "TaskPaw_4.0.1_sbom_backend.cdx.json",
    "TaskPaw_4.0.1_sbom_host.cdx.json",
    "TaskPaw_4.0.1_sbom_ports.cdx.json",
    "TaskPaw_4.0.1_sbom_window.cdx.json",
  ]);
});

const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
for (const list of Object.keys(LISTS)) {
  const path = join(ROOT, "target", "packages", listName(list, version));
  const skip = !existsSync(path) && "`npm run sbom` has not been run here";
  test(`the list of ${list} has what it cannot be without, and nothing of this machine`, { skip }, () => {
    const text = readFileSync(path, "utf8");
    const { bomFormat, specVersion, serialNumber, metadata } = JSON.parse(text);
    assert.equal(bomFormat, "CycloneDX");
    assert.match(specVersion, /^1\.\d$/);
    assert.deepEqual([serialNumber, metadata.timestamp], [undefined, undefined]);
    assert.deepEqual(missingIn(text, list), []);
    assert.ok(!text.includes(ROOT));
  });
}
