// How the programs that people get are compiled: without the folders of the machine that compiles them.
import { homedir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./steps.mjs";

/** What separates the compiler's arguments in Cargo's variable, so that a folder may have a space in its name. */
const SEPARATOR = "\u{1f}";

/**
 * The environment of a release build. Panics name their place, so that the programs of two machines would differ by
 * the folders of the crates and of this checkout: both get a name that is the same everywhere.
 */
export function releaseEnv(env = process.env, root = ROOT) {
  const own = env.CARGO_ENCODED_RUSTFLAGS?.split(SEPARATOR) ?? env.RUSTFLAGS?.split(/\s+/) ?? [];
  const names = [
    [root.replace(/[\\/]$/, ""), "/taskpaw"],
    [env.CARGO_HOME || join(homedir(), ".cargo"), "/cargo"],
  ];
  // The last name that fits counts, and one of the folders may be inside the other.
  names.sort(([one], [other]) => one.length - other.length);
  const renamed = names.map(([folder, name]) => `--remap-path-prefix=${folder}=${name}`);
  return { ...env, CARGO_ENCODED_RUSTFLAGS: [...own, ...renamed].filter(Boolean).join(SEPARATOR) };
}
