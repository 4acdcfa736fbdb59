// The archive for one person on Linux, and its script: a first install, an update, the way out, and what is refused.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { packArchive, stageArchive } from "../lib/archive.mjs";

const ON_LINUX = process.platform === "linux";
const skip = !ON_LINUX && "Linux alone has the archive";
const IS_ROOT = ON_LINUX && process.getuid() === 0;
/** Whoever installs: the script refuses root. */
const PERSON = IS_ROOT ? { uid: 65534, gid: 65534 } : {};

const place = mkdtempSync(join(tmpdir(), "taskpaw-archive-"));
chmodSync(place, 0o755);
after(() => rmSync(place, { recursive: true, force: true }));

/** A real archive of a version, of programs that are the system's `sleep`. */
async function unpacked(version) {
  const programs = join(place, "programs");
  mkdirSync(programs, { recursive: true });
  for (const name of ["taskpaw", "taskpaw-backend", "taskpaw-ports"]) {
    writeFileSync(join(programs, name), readFileSync("/bin/sleep"));
    chmodSync(join(programs, name), 0o755);
  }
  const manual = join(programs, "taskpaw.1.gz");
  writeFileSync(manual, "manual");
  const folder = join(place, `stage-${version}`);
  stageArchive({ folder, version, programs, manuals: [manual] });
  const archive = join(place, `${version}.tar.gz`);
  await packArchive({ folder, version, seconds: "1000000000", to: archive });
  const to = join(place, `unpacked-${version}`);
  mkdirSync(to, { recursive: true });
  execFileSync("tar", ["--no-same-owner", "-xzf", archive, "-C", to]);
  return {
    archive,
    script: join(to, `TaskPaw-${version}`, "install.sh"),
    top: join(to, `TaskPaw-${version}`),
  };
}

function home(name) {
  const home = join(place, name);
  mkdirSync(home);
  if (IS_ROOT) chownSync(home, PERSON.uid, PERSON.gid);
  return home;
}

function start(script, { home, args = [], env = {} }) {
  const PATH = "/usr/bin:/bin";
  return spawnSync("sh", [script, ...args], {
    ...PERSON,
    encoding: "utf8",
    env: { HOME: home, PATH, ...env },
  });
}

test("a first install, an update beside it, and the way out", { skip }, async () => {
  const home1 = home("person");
  const folder = join(home1, ".local/opt/taskpaw");
  const first = start((await unpacked("4.1.0")).script, { home: home1 });
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /TaskPaw 4\.1\.0 is installed/);
  assert.match(first.stdout, /put .* into PATH/);
  assert.equal(readlinkSync(join(folder, "current")), "versions/4.1.0");
  assert.equal(readlinkSync(join(home1, ".local/bin/taskpaw")), join(folder, "current/taskpaw"));
  const entry = readFileSync(join(home1, ".local/share/applications/taskpaw.desktop"), "utf8");
  assert.ok(entry.includes(`\nExec="${folder}/current/taskpaw"\n`), entry);
  assert.ok(entry.includes(`\nIcon=${folder}/current/taskpaw.png\n`), entry);
  execFileSync(join(home1, ".local/bin/taskpaw"), ["0"]);

  const next = await unpacked("4.2.0");
  for (let times = 0; times < 2; times += 1) {
    const second = start(next.script, { home: home1, env: { LANG: "zh_CN.UTF-8" } });
    assert.equal(second.status, 0, second.stderr);
    assert.match(second.stdout, /TaskPaw 4\.2\.0 已安装/);
  }
  assert.equal(readlinkSync(join(folder, "current")), "versions/4.2.0");
  assert.deepEqual(readdirSync(join(folder, "versions")).sort(), ["4.1.0", "4.2.0"]);
  assert.deepEqual(readdirSync(folder).sort(), ["current", "versions"], "nothing is left over");

  const removed = start(next.script, { home: home1, args: ["--uninstall"] });
  assert.equal(removed.status, 0, removed.stderr);
  assert.ok(!existsSync(folder) && !existsSync(join(home1, ".local/share/applications/taskpaw.desktop")));
  assert.deepEqual(readdirSync(join(home1, ".local/bin")), []);
});

test(
  "killed before or after any of its changes, one whole version is started, and the next attempt succeeds",
  {
    skip,
  },
  async () => {
    const [old, next] = [await unpacked("4.1.0"), await unpacked("4.2.0")];
    const tools = killers();
    let kills = 0;
    for (const when of ["before", "after"]) {
      for (let at = 1; ; at += 1) {
        const mine = home(`killed-${when}-${at}`);
        assert.equal(start(old.script, { home: mine }).status, 0);
        const count = join(mine, "count");
        writeFileSync(count, "0");
        if (IS_ROOT) chownSync(count, PERSON.uid, PERSON.gid);
        const env = { PATH: `${tools}:/usr/bin:/bin`, COUNT: count, KILL_AT: String(at), WHEN: when };
        const { status, signal } = start(next.script, { home: mine, env });
        const folder = join(mine, ".local/opt/taskpaw");
        const version = readlinkSync(join(folder, "current")).replace("versions/", "");
        for (const named of readdirSync(join(folder, "versions"))) {
          const made = named === "4.2.0" ? next.top : old.top;
          execFileSync("diff", ["-r", made, join(folder, "versions", named)]);
        }
        assert.ok(existsSync(join(folder, "versions", version, "taskpaw")), `${when} ${at}: ${version}`);
        execFileSync(join(mine, ".local/bin/taskpaw"), ["0"]);
        assert.equal(start(next.script, { home: mine }).status, 0, `${when} ${at}: again`);
        assert.equal(readlinkSync(join(folder, "current")), "versions/4.2.0");
        assert.deepEqual(readdirSync(folder).sort(), ["current", "versions"], `${when} ${at}`);
        if (status === 0) break;
        assert.equal(signal, "SIGKILL");
        kills += 1;
      }
    }
    assert.ok(kills > 20, `${kills}`);
  },
);

/** Stand-ins for what changes the disk: the one whose turn it is kills the script, before it does its work or after. */
function killers() {
  const tools = join(place, "killers");
  mkdirSync(tools);
  for (const name of ["cp", "mv", "ln", "rm", "sync", "mkdir"]) {
    const lines = [
      "#!/bin/sh",
      'n=$(($(/usr/bin/cat "$COUNT") + 1))',
      'echo "$n" >"$COUNT"',
      `if [ "$n" -eq "$KILL_AT" ]; then`,
      `  [ "$WHEN" = before ] || /usr/bin/${name} "$@"`,
      "  kill -9 $PPID",
      "  exit 1",
      "fi",
      `exec /usr/bin/${name} "$@"`,
    ];
    writeFileSync(join(tools, name), `${lines.join("\n")}\n`);
    chmodSync(join(tools, name), 0o755);
  }
  return tools;
}

test("two old versions stay, and one that runs", { skip }, async () => {
  const mine = home("many");
  const versions = join(mine, ".local/opt/taskpaw/versions");
  const install = async (version) => {
    const installed = start((await unpacked(version)).script, { home: mine });
    assert.equal(installed.status, 0, installed.stderr);
    return readdirSync(versions).sort();
  };
  await install("4.0.0");
  const running = spawn(join(versions, "4.0.0", "taskpaw"), ["600"], { ...PERSON, stdio: "ignore" });
  try {
    await install("4.1.0");
    await install("4.2.0");
    assert.deepEqual(await install("4.10.0"), ["4.0.0", "4.1.0", "4.10.0", "4.2.0"]);
  } finally {
    const ended = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await ended;
  }
  assert.deepEqual(await install("4.10.0"), ["4.1.0", "4.10.0", "4.2.0"]);
  mkdirSync(join(versions, "mine"));
  assert.deepEqual(await install("4.2.0"), ["4.1.0", "4.10.0", "4.2.0", "mine"]);
});

test("what is missing, and whose something is, is said before anything is changed", { skip }, async () => {
  const { script, top } = await unpacked("4.1.0");
  const mine = home("careful");
  if (IS_ROOT) {
    const root = spawnSync("sh", [script], { encoding: "utf8", env: { HOME: mine, PATH: "/usr/bin:/bin" } });
    assert.equal(root.status, 1);
    assert.match(root.stderr, /without sudo/);
  }
  assert.match(start(script, { home: "" }).stderr, /home folder is not known/);
  assert.match(start(script, { home: mine, args: ["--force"] }).stderr, /Not understood/);
  rmSync(join(top, "taskpaw-backend"));
  assert.match(start(script, { home: mine }).stderr, /taskpaw-backend does not lie beside/);
  writeFileSync(join(top, "taskpaw-backend"), "x");
  writeFileSync(join(top, "taskpaw"), "no program");
  assert.match(start(script, { home: mine }).stderr, /cannot run on this machine/);
  // A stand-in for ldd on a system without WebKitGTK.
  const tools = join(place, "tools");
  mkdirSync(tools);
  writeFileSync(join(tools, "ldd"), "#!/bin/sh\nprintf '\\tlibwebkit2gtk-4.1.so.0 => not found\\n'\n");
  chmodSync(join(tools, "ldd"), 0o755);
  const lacks = start(script, { home: mine, env: { PATH: `${tools}:/usr/bin:/bin` } });
  assert.equal(lacks.status, 1);
  assert.match(lacks.stderr, / {2}libwebkit2gtk-4\.1\.so\.0\n/);
  assert.deepEqual(readdirSync(mine), [], "nothing was changed");
});

test("what is not ours is left alone", { skip }, async () => {
  const { script } = await unpacked("4.1.0");
  const other = home("other");
  mkdirSync(join(other, ".local/bin"), { recursive: true });
  writeFileSync(join(other, ".local/bin/taskpaw"), "mine");
  if (IS_ROOT)
    for (const path of [".local", ".local/bin"]) chownSync(join(other, path), PERSON.uid, PERSON.gid);
  const installed = start(script, { home: other });
  assert.equal(installed.status, 0, installed.stderr);
  assert.match(installed.stdout, /was there and was left alone/);
  assert.equal(start(script, { home: other, args: ["--uninstall"] }).status, 0);
  assert.equal(readFileSync(join(other, ".local/bin/taskpaw"), "utf8"), "mine");
  assert.ok(lstatSync(join(other, ".local/bin")).isDirectory());
});

test("from the same files the same archive", { skip }, async () => {
  const { archive } = await unpacked("4.1.0");
  const first = readFileSync(archive);
  await unpacked("4.1.0");
  assert.deepEqual(readFileSync(archive), first);
});
