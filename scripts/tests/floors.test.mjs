// What is read of a crate's modules, on crates that are made for it.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { circles, families, modulesOf } from "../lib/modules.mjs";

const folder = mkdtempSync(join(tmpdir(), "floors-"));
after(() => rmSync(folder, { recursive: true }));

/** A crate of these files. */
function crate(name, files) {
  for (const [path, text] of Object.entries(files)) {
    const file = join(folder, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return modulesOf(join(folder, name, "lib.rs"));
}

const used = (modules, name) => [...modules.get(name).uses].sort();

test("every way to name a module is read", () => {
  const modules = crate("ways", {
    "lib.rs": "mod a;\nmod b;\npub mod c;\npub use b::{Thing, deep::Other as Second};",
    "a.rs": "use crate::{b::{Thing as T, deep}, c};\nfn f() -> crate::c::D { c::new() }",
    "b.rs": "mod deep;\npub use deep::Other;\npub struct Thing;",
    "b/deep.rs": "use super::Thing;\npub struct Other;",
    "c.rs": "use crate::{Second, Thing};\npub struct D;",
  });
  assert.deepEqual(used(modules, "a"), ["b", "b::deep", "c"]);
  assert.deepEqual(used(modules, "b::deep"), ["b"]);
  assert.deepEqual(used(modules, "c"), ["b", "b::deep"]);
});

test("tests, comments and texts use nothing", () => {
  const modules = crate("quiet", {
    "lib.rs": "mod a;\nmod b;\n#[cfg(test)]\nmod a_tests;",
    "a.rs":
      '// use crate::b;\nconst T: &str = "use crate::b::x;";\n#[cfg(test)]\nmod tests { use crate::b; fn f() {} }',
    "b.rs": "pub struct B;",
    "a_tests.rs": "use crate::b;",
  });
  assert.deepEqual(used(modules, "a"), []);
  assert.ok(!modules.has("a_tests"));
});

test("parts of one module are one thing, and its siblings are not", () => {
  const modules = crate("circle", {
    "lib.rs": "mod a;\nmod b;\nmod c;",
    "a.rs": "mod part;\nuse part::P;\nuse crate::b::deep::B;",
    "a/part.rs": "use super::A;",
    "b.rs": "pub mod deep;",
    "b/deep.rs": "use crate::c::C;",
    "c.rs": "use crate::a::A;",
  });
  const all = families(modules);
  assert.deepEqual(circles(all.get("")), [["a", "b", "c"]]);
  assert.equal(all.size, 1);
});

test("what goes one way is no circle", () => {
  assert.deepEqual(
    circles(
      new Map([
        ["a", new Set(["b", "c"])],
        ["b", new Set(["c"])],
      ]),
    ),
    [],
  );
  assert.deepEqual(
    circles(
      new Map([
        ["a", new Set(["b"])],
        ["b", new Set(["a"])],
        ["c", new Set(["a"])],
      ]),
    ),
    [["a", "b"]],
  );
});
