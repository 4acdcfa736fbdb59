// `npm run test:windows`: the tests of the crates without a window, built for Windows and run in Wine.
//
// What Wine cannot show is listed in docs/platforms.md, and left out below by name.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildTestsFor, programsOf } from "./lib/cross.mjs";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { installDebian } from "./lib/system.mjs";

const TARGET = "x86_64-pc-windows-gnu";
const CRATES = ["port-takeover", "taskpaw-contract", "taskpaw-backend"];
/** Debian keeps the program in a folder that is not on the search path. */
const WINE = "/usr/lib/wine/wine64";
/** Rust asks this library for random numbers, and Wine 8 has none of its name: its one function, from what Wine has. */
const RANDOM = `
#include <windows.h>
BOOLEAN WINAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length) {
  return SystemFunction036(buffer, (ULONG)length);
}
`;
/** Tests that Wine 8 cannot show, and why. Each is written for Windows as well; docs/platforms.md counts none of them. */
const LEFT_OUT = {
  // Its rename cannot replace a file that is open, as Windows 10 can (FILE_RENAME_FLAG_POSIX_SEMANTICS).
  journal: [
    "a_file_of_any_size_is_read_from_its_end",
    "two_writers_at_once_lose_nothing",
    "when_it_is_full_damage_is_dropped_first",
  ],
  "taskpaw-backend": [
    "agent::events::tests::the_journal_does_not_grow_without_end",
    "agent::events::tests::the_oldest_go_when_too_many_wait",
    // It has no performance counters (pdh.dll).
    "monitors::host_metrics::tests::this_machine_has_numbers_at_once_and_rates_soon",
  ],
  backend: [
    "agent::the_status_has_this_machines_numbers_at_readiness",
    // Its queue of connections is another one.
    "agent::a_client_that_does_not_finish_its_request_loses_its_place",
    "agent::connections_are_bounded_and_the_next_client_waits_for_a_place",
  ],
  // Its GetExtendedTcpTable gives no owners, so that nobody can be named, and nobody is replaced.
  examples: [
    "a_foreign_holder_is_left_alone",
    "the_second_server_replaces_the_first",
    "who_holds_names_the_holder",
  ],
};

await main(async () => {
  await installDebian(["mingw-w64", "wine64"]);
  const tests = await buildTestsFor(TARGET, CRATES);
  const prefix = mkdtempSync(join(tmpdir(), "taskpaw-wine-"));
  try {
    await test(tests, prefix);
  } finally {
    // Only the server of this prefix.
    spawnSync("/usr/lib/wine/wineserver", ["-k"], { env: { ...process.env, WINEPREFIX: prefix } });
    rmSync(prefix, { recursive: true, force: true });
  }
});

async function test(tests, prefix) {
  const random = join(ROOT, "target", "wine");
  mkdirSync(random, { recursive: true });
  writeFileSync(join(random, "random.c"), RANDOM);
  const library = join(random, "bcryptprimitives.dll");
  if (!existsSync(library)) {
    const args = ["-shared", "-o", library, join(random, "random.c"), "-ladvapi32"];
    await run("x86_64-w64-mingw32-gcc", args);
  }
  const env = {
    ...process.env,
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    WINEPATH: `Z:${random.replaceAll("/", "\\")}`,
    DISPLAY: "",
    CARGO_MANIFEST_DIR: "",
  };
  say(`running ${tests.length} programs of tests in Wine; their folder is ${programsOf(TARGET)}`);
  const failed = [];
  for (const { name, program } of tests) {
    const skipped = (LEFT_OUT[name] ?? []).flatMap((test) => ["--skip", test]);
    const ran = spawnSync(WINE, [program, ...skipped], {
      env,
      cwd: ROOT,
      encoding: "utf8",
      timeout: 300_000,
    });
    const summary =
      /^test result:.*$/m.exec(ran.stdout ?? "")?.[0] ?? `ended with ${ran.status ?? ran.signal}`;
    say(`${name}: ${summary}`);
    if (ran.status !== 0) {
      failed.push(name);
      process.stderr.write(`${ran.stdout}\n${ran.stderr}\n`);
    }
  }
  if (failed.length > 0) throw new StepError(`failed in Wine: ${failed.join(", ")}`);
}
