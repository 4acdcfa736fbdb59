// `npm run test:windows`: the tests of the crates, built for Windows and run in Wine, and the installer's hooks.
//
// What Wine cannot show is listed in docs/platforms.md, and left out below by name.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildTestsFor, programsOf, WINDOWS } from "./lib/cross.mjs";
import { testInstaller } from "./lib/installer.mjs";
import { main, ROOT, say, StepError } from "./lib/steps.mjs";
import { installDebian } from "./lib/system.mjs";
import { WINE_PACKAGES, withWine } from "./lib/wine.mjs";

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
  taskpaw: [
    // As above: who looks at the record has it open.
    "instance::tests::another_version_gets_the_place_when_it_is_given_up",
    "instance::tests::the_record_of_a_dead_app_blocks_nobody",
    // As below: nobody can be named.
    "diagnostics::tests::the_archive_has_everything_and_nothing_that_is_private",
  ],
  examples: [
    "a_foreign_holder_is_left_alone",
    "the_second_server_replaces_the_first",
    "who_holds_names_the_holder",
  ],
};

/** What the command line prints is compared letter by letter with what it prints on Unix: not here. */
const ELSEWHERE = "taskpaw-ports";

await main(async () => {
  await installDebian(WINE_PACKAGES);
  const tests = await buildTestsFor(WINDOWS);
  // The host's programs load Edge's library from their folder.
  await withWine([programsOf(WINDOWS)], async (wine) => {
    await testInstaller(wine);
    testCommands(wine);
    testPrograms(tests, wine);
  });
});

/** What the finished programs do without a window: the app asks the file of an update for its version like this. */
function testCommands(wine) {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  for (const name of ["taskpaw", "taskpaw-backend", "taskpaw-ports"]) {
    const said = wine.run(join(programsOf(WINDOWS), `${name}.exe`), "--version");
    if (said.status !== 0 || said.stdout.trim() !== `${name} ${version}`) {
      throw new StepError(`${name} --version ended with ${said.status}: ${said.stdout}${said.stderr}`);
    }
  }
  const quit = wine.run(join(programsOf(WINDOWS), "taskpaw.exe"), "--quit");
  if (quit.status !== 0) throw new StepError(`taskpaw --quit ended with ${quit.status}: ${quit.stderr}`);
  say("the programs say their version, and there is no TaskPaw to end");
}

function testPrograms(tests, wine) {
  say(`running ${tests.length} programs of tests in Wine; their folder is ${programsOf(WINDOWS)}`);
  const failed = [];
  for (const { name, program } of tests.filter(({ package: of }) => of !== ELSEWHERE)) {
    const skipped = (LEFT_OUT[name] ?? []).flatMap((test) => ["--skip", test]);
    const ran = wine.run(program, ...skipped);
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
