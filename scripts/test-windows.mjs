// `npm run test:windows`: the tests of the crates, built for Windows and run in Wine, the installer, and reclaims with the finished
// programs.
//
// `--installer 20` and `--reclaims 50` do that part alone, so often.
// What Wine cannot show is listed in docs/platforms.md, and left out below by name.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildTestsFor, programsOf, WINDOWS } from "./lib/cross.mjs";
import { testInstaller } from "./lib/installer.mjs";
import { testReclaims } from "./lib/reclaims.mjs";
import { main, ROOT, say, StepError } from "./lib/steps.mjs";
import { installDebian } from "./lib/system.mjs";
import { testWholeInstaller } from "./lib/whole-installer.mjs";
import { windowsPath, WINE_PACKAGES, withWine } from "./lib/wine.mjs";

/** Tests that Wine 8 cannot show, and why. Each is written for Windows as well; docs/platforms.md counts none of them. */
const LEFT_OUT = {
  // It keeps modes in the place of lists of rights, and lets in others where a list lets in the administrators.
  durable_file: ["private::windows::tests::what_lets_in_others_does_not_any_more"],
  // Its server does one call on a socket after the other: of 300 agents that are asked at once, a hundred answered within
  // the 1.5 s that each has.
  backend: [
    "fleet::three_hundred_agents_and_none_is_late_because_of_another",
    // One machine of four has not come to rest there after 30 s, with its hub killed as often. Why is not known.
    "power::two_hundred_power_cuts_of_an_agent_whose_hub_is_cut_too_lose_no_event",
  ],
};

/** Its tests measure times, and Wine has one server for all of them: one runs after the other. */
const ONE_BY_ONE = "backend";

/** How often each kind of holders is met in a run of everything. */
const RECLAIMS = 4;

const { values: only } = parseArgs({
  options: { installer: { type: "string" }, reclaims: { type: "string" } },
});

await main(async () => {
  await installDebian(WINE_PACKAGES);
  if (only.installer) return withWine([], (wine) => testWholeInstaller(wine, Number(only.installer)));
  const tests = await buildTestsFor(WINDOWS);
  if (only.reclaims) {
    return withWine([programsOf(WINDOWS)], (wine) =>
      testReclaims(wine, programsOf(WINDOWS), Number(only.reclaims)),
    );
  }
  // The host's programs load Edge's library from their folder.
  await withWine([programsOf(WINDOWS)], async (wine) => {
    await testInstaller(wine);
    await testWholeInstaller(wine);
    testCommands(wine);
    await testWithoutWebView(wine);
    await testReclaims(wine, programsOf(WINDOWS), RECLAIMS);
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
  // What the firewall's question and the Task Manager show.
  for (const [name, shown] of [
    ["taskpaw-backend", "TaskPaw backend"],
    ["taskpaw-ports", "TaskPaw ports"],
  ]) {
    const bytes = readFileSync(join(programsOf(WINDOWS), `${name}.exe`));
    if (!bytes.includes(Buffer.from(shown, "utf16le")))
      throw new StepError(`${name}.exe does not say what it is`);
  }
  const quit = wine.run(join(programsOf(WINDOWS), "taskpaw.exe"), "--quit");
  if (quit.status !== 0) throw new StepError(`taskpaw --quit ended with ${quit.status}: ${quit.stderr}`);
  say("the programs say their version, and there is no TaskPaw to end");
}

/**
 * Wine has no WebView2, which is what a person meets on a Windows without it: the app says so in a message, in words that name
 * where it is to be had, and in its log. The box has a display of its own, and is closed with the Wine that it belongs to.
 */
async function testWithoutWebView(wine) {
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-mute-"));
  const log = join(folder, "data", "logs", "taskpaw.log");
  const config = { roles: [], hub: { discovery: false } };
  mkdirSync(join(folder, "config"));
  writeFileSync(join(folder, "config", "config.json"), JSON.stringify(config));
  const screen = spawn("Xvfb", ["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    const number = await new Promise((resolve) =>
      screen.stdout.once("data", (text) => resolve(`${text}`.trim())),
    );
    const env = {
      DISPLAY: `:${number}`,
      TASKPAW_CONFIG_DIR: windowsPath(join(folder, "config")),
      TASKPAW_DATA_DIR: windowsPath(join(folder, "data")),
      TASKPAW_V3_DIR: windowsPath(join(folder, "v3")),
    };
    const app = wine.with(env).start(join(programsOf(WINDOWS), "taskpaw.exe"));
    const said = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
    const has = (words) => said().includes(words);
    for (
      let waited = 0;
      waited < 120 && !(has("the window cannot be") && has("a message is shown"));
      waited += 1
    )
      await new Promise((resolve) => setTimeout(resolve, 500));
    app.kill("SIGKILL");
    if (!has("the window cannot be") || !has("a message is shown") || has("no message can be shown"))
      throw new StepError(`without WebView2 the app shows nothing, or says nothing: ${said()}`);
    say("without WebView2 the app shows a message and writes its log");
  } finally {
    screen.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function testPrograms(tests, wine) {
  say(`running ${tests.length} programs of tests in Wine; their folder is ${programsOf(WINDOWS)}`);
  const failed = [];
  const all = { passed: 0, failed: 0, again: 0, ignored: 0, out: 0 };
  for (const { name, program } of tests) {
    // A part of a name would leave out others as well.
    const skipped = (LEFT_OUT[name] ?? []).flatMap((test) => ["--skip", test]);
    const threads = name === ONE_BY_ONE ? ["--test-threads", "1"] : [];
    const ran = wine.run(program, "--exact", ...threads, ...skipped);
    const summary = /^test result:.*$/m.exec(ran.stdout ?? "")?.[0];
    say(`${name}: ${summary ?? `ended with ${ran.status ?? ran.signal}`}`);
    const [passed, wrong, ignored, , out] = [...(summary ?? "").matchAll(/(\d+) [a-z]/g)].map(([, n]) => +n);
    let still = wrong ?? 0;
    if (ran.status !== 0) {
      process.stderr.write(`${ran.stdout}\n${ran.stderr}\n`);
      const alone = namesOfFailed(ran.stdout ?? "").filter((test) => passesAlone(wine, program, test));
      still -= alone.length;
      all.again += alone.length;
      if (!summary || still > 0) failed.push(name);
    }
    all.passed += passed ?? 0;
    all.failed += still;
    all.ignored += ignored ?? 0;
    all.out += out ?? 0;
  }
  const named = Object.values(LEFT_OUT).flat().length;
  say(
    `in Wine: ${all.passed} passed, ${all.again} more when they were run alone, ${all.failed} failed, ` +
      `${all.ignored} ignored, ${all.out} left out by name`,
  );
  if (failed.length > 0) throw new StepError(`failed in Wine: ${failed.join(", ")}`);
  if (all.out !== named)
    throw new StepError(`${named} tests are left out by name, and ${all.out} have these names`);
}

/** What a program of tests says about each test that failed. */
function namesOfFailed(output) {
  return [...output.matchAll(/^test (\S+) \.\.\. FAILED$/gm)].map(([, name]) => name);
}

/**
 * Wine has one server for all programs: beside others, a test can wait longer than the limit that it is about. One that
 * fails is run once more by itself, and that is said.
 */
function passesAlone(wine, program, test) {
  const ran = wine.run(program, "--exact", test);
  const passes = ran.status === 0 && ran.stdout.includes("test result: ok. 1 passed");
  say(`${test}: ${passes ? "passed" : "failed again"} when it was run alone`);
  if (!passes) process.stderr.write(`${ran.stdout}\n${ran.stderr}\n`);
  return passes;
}
