// `npm run check:accessible`: starts the app on a display and a session bus of its own and asks it as a screen reader does (AT-SPI):
// every control of every page must have a name. Linux; it needs at-spi2-core, gir1.2-atspi-2.0 and python3-gi.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { hasDisplay, onVirtualDisplay } from "./lib/display.mjs";
import { freePort } from "./lib/backend-trial.mjs";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";

const PYTHON = "/usr/bin/python3";

await main(async () => {
  if (process.platform !== "linux")
    throw new StepError("the bus of screen readers is Linux's: run this there");
  const hasGi = spawnSync(PYTHON, ["-c", "import gi; gi.require_version('Atspi', '2.0')"]).status === 0;
  if (!hasGi) throw new StepError("it needs at-spi2-core, gir1.2-atspi-2.0 and python3-gi: install them");
  const at = process.argv.indexOf("--programs");
  const programs = at < 0 ? join(ROOT, "target", "debug") : process.argv[at + 1];
  if (!hasDisplay()) {
    const [program, args] = onVirtualDisplay(process.execPath, [...process.argv.slice(1)]);
    return run(program, args, { stdio: ["ignore", "inherit", "inherit", 1] });
  }
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-accessible-"));
  const [network, control, api] = await Promise.all([freePort(), freePort(), freePort()]);
  const endpoint = (port) => ({ host: "127.0.0.1", port });
  mkdirSync(join(folder, "config"));
  writeFileSync(
    join(folder, "config", "config.json"),
    JSON.stringify({
      schema: 1,
      roles: ["agent", "hub"],
      agent: { network: endpoint(network), control: endpoint(control) },
      hub: { api: endpoint(api), discovery: false },
      app: { language: "en" },
    }),
  );
  const app = spawn(join(programs, "taskpaw"), [], {
    stdio: "ignore",
    env: {
      ...process.env,
      TASKPAW_CONFIG_DIR: join(folder, "config"),
      TASKPAW_DATA_DIR: join(folder, "data"),
      NO_AT_BRIDGE: "0",
      GTK_A11Y: "atspi",
      WEBKIT_A11Y: "1",
    },
  });
  try {
    const asked = spawnSync(PYTHON, [join(ROOT, "scripts", "lib", "accessible.py"), String(app.pid)], {
      encoding: "utf8",
      timeout: 180_000,
    });
    if (asked.status !== 0)
      throw new StepError(asked.stderr.trim() || "nothing was answered in three minutes");
    const pages = JSON.parse(asked.stdout);
    const nameless = pages.flatMap(({ page, controls }) =>
      controls.filter(({ name }) => !name).map(({ role }) => `${page}: a ${role}`),
    );
    for (const { page, controls } of pages) say(`${page}: ${controls.length} controls`);
    if (pages.length < 6 || nameless.length > 0)
      throw new StepError(`controls without a name, or pages that are not there: ${nameless.join("; ")}`);
    say("every control has a name");
  } finally {
    app.kill();
    await new Promise((resolve) => (app.exitCode === null ? app.once("exit", resolve) : resolve()));
    rmSync(folder, { recursive: true, force: true });
  }
});
