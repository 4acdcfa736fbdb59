// `npm start`: everything from a fresh checkout to the running app.
// `npm start -- --check`: start, wait until every role is ready, save a picture of the window, print one line
// of JSON, and end.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasDisplay, onVirtualDisplay, virtualEnvironment } from "./lib/display.mjs";
import { buildPrograms, ensureNodeModules, PROGRAMS, RELEASE } from "./lib/programs.mjs";
import { main, ROOT, run, say } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

await main(async () => {
  const { values } = parseArgs({
    options: { check: { type: "boolean" }, background: { type: "boolean" }, quit: { type: "boolean" } },
  });
  const virtual = !hasDisplay();
  await ensureSystem({ virtualDisplay: virtual });
  await ensureNodeModules();
  await buildPrograms();

  const args = [];
  if (values.background) args.push("--background");
  if (values.quit) args.push("--quit");
  if (values.check) {
    const folder = join(ROOT, "target", "check");
    mkdirSync(folder, { recursive: true });
    args.push("--check", join(folder, "window.png"));
  }
  const program = join(RELEASE, PROGRAMS[0]);
  const [command, commandArgs] = virtual ? onVirtualDisplay(program, args) : [program, args];
  say(values.check ? "checking the app" : "opening the window");
  await run(command, commandArgs, {
    env: virtual ? virtualEnvironment() : process.env,
    stdio: virtual
      ? ["ignore", process.stderr, process.stderr, process.stdout]
      : ["ignore", "inherit", process.stderr],
    // The app gives up by itself after 60 s, and then ends its backends; one that hangs is not waited for.
    within: values.check ? 90_000 : undefined,
  });
});
