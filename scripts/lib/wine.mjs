// Running Windows programs in Debian's Wine, in a folder of its own that is gone afterwards.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "./steps.mjs";

/** Debian's packages: a compiler, Wine, what makes installers, and a display for what shows a message. */
export const WINE_PACKAGES = ["mingw-w64", "wine64", "nsis", "xvfb"];
/** Debian keeps the programs in a folder that is not on the search path. */
const WINE = "/usr/lib/wine/wine64";
const SERVER = "/usr/lib/wine/wineserver";
/** What is made for Wine and kept. */
const MADE = join(ROOT, "target", "wine");
/** Rust asks this library for random numbers, and Wine 8 has none of its name: its one function, from what Wine has. */
const RANDOM = `
#include <windows.h>
BOOLEAN WINAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
  return SystemFunction036(buffer, (ULONG)length);
}
`;

/**
 * Wine 8 ends a program that calls `PdhEnumObjectsW`, which it has not: a second after its start the agent would be
 * gone. This library has the functions that are asked for, and says that there are no performance counters.
 */
const COUNTERS = `
#define NONE(name) __declspec(dllexport) unsigned long name(void) { return 0xC0000BB8; /* PDH_CSTATUS_NO_OBJECT */ }
NONE(PdhAddEnglishCounterW) NONE(PdhCloseQuery) NONE(PdhCollectQueryData) NONE(PdhEnumObjectsW)
NONE(PdhGetFormattedCounterValue) NONE(PdhOpenQueryW) NONE(PdhRemoveCounter)
`;

/** Compiles a C program, or with the right arguments a library, for Windows. */
export async function compile(source, to, ...args) {
  const file = `${to}.c`;
  writeFileSync(file, source);
  await run("x86_64-w64-mingw32-gcc", ["-municode", "-o", to, file, ...args]);
}

/** The name of a file in Wine. */
export function windowsPath(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/** A Wine for `body`, which gets `start`, `run` and `with` for programs. `libraries` are folders of what they load. */
export async function withWine(libraries, body) {
  mkdirSync(MADE, { recursive: true });
  await compile(RANDOM, join(MADE, "bcryptprimitives.dll"), "-shared", "-ladvapi32");
  await compile(COUNTERS, join(MADE, "pdh.dll"), "-shared");
  const prefix = mkdtempSync(join(tmpdir(), "taskpaw-wine-"));
  // Wine looks there before it looks at its search path, and leaves what is not its own.
  const system = join(prefix, "drive_c", "windows", "system32");
  mkdirSync(system, { recursive: true });
  copyFileSync(join(MADE, "pdh.dll"), join(system, "pdh.dll"));
  const env = {
    ...process.env,
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    WINEDLLOVERRIDES: "pdh=n",
    WINEPATH: [MADE, ...libraries].map(windowsPath).join(";"),
    DISPLAY: "",
    // In another locale it cannot tell what files are called.
    LC_ALL: "C.UTF-8",
    CARGO_MANIFEST_DIR: "",
    // Where the snapshots of what is printed are, which nothing here may write.
    INSTA_WORKSPACE_ROOT: windowsPath(ROOT),
    INSTA_UPDATE: "no",
  };
  /** `start` and `run`, and the same `with` more in their environment. */
  const within = (env) => ({
    start: (program, ...args) => spawn(WINE, [program, ...args], { env, cwd: ROOT, stdio: "ignore" }),
    run: (program, ...args) =>
      spawnSync(WINE, [program, ...args], { env, cwd: ROOT, encoding: "utf8", timeout: 900_000 }),
    with: (more) => within({ ...env, ...more }),
  });
  try {
    return await body(within(env));
  } finally {
    // Only the server of this prefix.
    spawnSync(SERVER, ["-k"], { env });
    rmSync(prefix, { recursive: true, force: true });
  }
}
