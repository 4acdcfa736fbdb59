// How the programs that people get are compiled: without the folders of the machine that compiles them, and with no more of SQLite
// than they use.
import { homedir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./steps.mjs";

/** What separates the compiler's arguments in Cargo's variable, so that a folder may have a space in its name. */
const SEPARATOR = "\u{1f}";

/**
 * What of SQLite no query of TaskPaw's uses: full-text search, R-trees, tables about the file itself, SOUNDEX(), and SQL that loads
 * libraries. The backend is 0.27 MiB smaller without them, and a database from elsewhere cannot have it load a program.
 */
const SQLITE = [
  "-USQLITE_ENABLE_FTS3",
  "-USQLITE_ENABLE_FTS3_PARENTHESIS",
  "-USQLITE_ENABLE_FTS5",
  "-USQLITE_ENABLE_RTREE",
  "-USQLITE_ENABLE_DBSTAT_VTAB",
  "-USQLITE_SOUNDEX",
  "-USQLITE_ENABLE_LOAD_EXTENSION",
  "-DSQLITE_OMIT_LOAD_EXTENSION",
];

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
  return {
    ...env,
    CARGO_ENCODED_RUSTFLAGS: [...own, ...renamed].filter(Boolean).join(SEPARATOR),
    LIBSQLITE3_FLAGS: env.LIBSQLITE3_FLAGS ?? SQLITE.join(" "),
  };
}
