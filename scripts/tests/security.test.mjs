// SECURITY.md claims nothing without a test: each one that it names is there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";

const root = join(import.meta.dirname, "..", "..");

test("every test that SECURITY.md names is there, and every claim names one", () => {
  const text = readFileSync(join(root, "SECURITY.md"), "utf8");
  const rows = text
    .split("## Every claim and its test")[1]
    .split("\n## ")[0]
    .split("\n")
    .filter((line) => line.startsWith("| "));
  const files = execFileSync("git", ["ls-files", "*.rs"], { cwd: root, encoding: "utf8" }).trim().split("\n");
  const source = files.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  // A function that no runner calls would hold nothing: tests, those that proptest makes, and the fuzz targets.
  const attribute =
    /#\[(?:tokio::)?test(?:\([^)]*\))?\]\s*(?:#\[[^\]]*\]\s*|\/\/[^\n]*\s*)*(?:async )?fn (\w+)\(/g;
  const target = /Target \{ name: "(\w+)"/g;
  const tests = new Set(
    [attribute, target].flatMap((found) => [...source.matchAll(found)].map(([, name]) => name)),
  );
  const scripts = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;
  assert.ok(rows.length > 10);
  for (const row of rows.slice(2)) {
    const named = [...row.split("|")[2].matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    assert.ok(named.length > 0, row);
    for (const name of named) {
      const script = /^npm run (\S+)$/.exec(name)?.[1];
      assert.ok(script ? scripts[script] : tests.has(name), name);
    }
  }
});
