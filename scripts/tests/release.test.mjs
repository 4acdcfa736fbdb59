// What a release build tells of the machine that makes it.
import assert from "node:assert/strict";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { releaseEnv } from "../lib/release.mjs";

const flags = (env, root) => releaseEnv(env, root).CARGO_ENCODED_RUSTFLAGS.split("\u{1f}");

test("the folders of the crates and of the checkout get names that are the same everywhere", () => {
  assert.deepEqual(flags({ CARGO_HOME: "/home/some one/crates" }, "/srv/here/"), [
    "--remap-path-prefix=/srv/here=/taskpaw",
    "--remap-path-prefix=/home/some one/crates=/cargo",
  ]);
  assert.ok(flags({}, "/srv").includes(`--remap-path-prefix=${join(homedir(), ".cargo")}=/cargo`));
});

test("the inner one of two folders comes last, so that it counts", () => {
  const last = (env, root) => flags(env, root).at(-1);
  assert.equal(
    last({ CARGO_HOME: "/srv/here/.cargo" }, "/srv/here"),
    "--remap-path-prefix=/srv/here/.cargo=/cargo",
  );
  assert.equal(last({ CARGO_HOME: "/srv" }, "/srv/here"), "--remap-path-prefix=/srv/here=/taskpaw");
});

test("what a person has the compiler told is told as well", () => {
  assert.deepEqual(flags({ RUSTFLAGS: "-C target-cpu=native" }, "/srv").slice(0, 2), [
    "-C",
    "target-cpu=native",
  ]);
  const encoded = { CARGO_ENCODED_RUSTFLAGS: "-Clink-arg=a b", RUSTFLAGS: "-Cignored" };
  assert.deepEqual(flags(encoded, "/srv").slice(0, -2), ["-Clink-arg=a b"]);
});

test("SQLite is built without what no query uses, unless a person says how", () => {
  assert.match(
    releaseEnv({}, "/srv").LIBSQLITE3_FLAGS,
    /-USQLITE_ENABLE_FTS5 .*-DSQLITE_OMIT_LOAD_EXTENSION/,
  );
  assert.equal(releaseEnv({ LIBSQLITE3_FLAGS: "-DSQLITE_DEBUG" }, "/srv").LIBSQLITE3_FLAGS, "-DSQLITE_DEBUG");
});
