// The archive for one person on Linux: a version as it lies on the disk, and the script that brings it there.
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ROOT, run } from "./steps.mjs";

const PROGRAMS = ["taskpaw", "taskpaw-backend", "taskpaw-ports"];

/**
 * Puts together what is in the archive, below `folder`: the programs of the folder `programs`, the files `manuals` by their paths, and the
 * script, which says this version.
 */
export function stageArchive({ folder, version, programs, manuals = [] }) {
  const top = join(folder, `TaskPaw-${version}`);
  rmSync(top, { recursive: true, force: true });
  mkdirSync(join(top, "man"), { recursive: true });
  const copy = (from, to, mode = 0o644) => {
    copyFileSync(from, join(top, to));
    chmodSync(join(top, to), mode);
  };
  for (const name of PROGRAMS) copy(join(programs, name), name, 0o755);
  for (const path of manuals) copy(path, join("man", path.split("/").at(-1)));
  copy(join(ROOT, "LICENSE"), "LICENSE");
  copy(join(ROOT, "src-tauri", "icons", "128x128.png"), "taskpaw.png");
  copy(join(ROOT, "packaging", "linux", "taskpaw.desktop"), "taskpaw.desktop");
  const script = readFileSync(join(ROOT, "packaging", "linux", "install.sh"), "utf8");
  writeFileSync(join(top, "install.sh"), script.replace("@VERSION@", version));
  chmodSync(join(top, "install.sh"), 0o755);
  return top;
}

/** Packs it: from the same files the same archive, in the plain form of tar that has no links to other entries. A trial has no time for `level` 9. */
export async function packArchive({ folder, version, seconds, to, level = 9 }) {
  const plain = join(folder, "plain.tar");
  const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${seconds}`];
  await run("tar", ["--format=ustar", ...same, "-cf", plain, "-C", folder, `TaskPaw-${version}`]);
  writeFileSync(to, gzipSync(readFileSync(plain), { level }));
  rmSync(plain);
}
