// `npm run screenshots [-- --only TEXT]`: a picture of every page, light and dark, in both languages, into docs/screenshots.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withBrowser } from "./lib/browser.mjs";
import { ensureNodeModules } from "./lib/programs.mjs";
import { main, ROOT, say } from "./lib/steps.mjs";

const FOLDER = join(ROOT, "docs", "screenshots");

/** The name of a picture, the scenario that it shows, and the page. */
const PICTURES = [
  ["this-machine", "hub", "this-machine"],
  ["fleet", "hub", "fleet"],
  ["monitor", "hub", "this-machine/monitor/NAS%20web%20page"],
  ["machine", "hub", "fleet/machine/render-01"],
  ["events", "hub", "events"],
  ["ports", "hub", "ports"],
  ["settings", "hub", "settings"],
  ["diagnostics", "hub", "diagnostics"],
  ["conflict", "conflict", "this-machine"],
  ["taskpaw3", "imported", "this-machine"],
  ["taskpaw3-busy", "v3-busy", "this-machine"],
  ["taskpaw3-hub-left", "left-behind", "fleet"],
  ["taskpaw3-wait", "lingering-not-allowed", "this-machine"],
  ["occupied", "conflict-occupied", "this-machine"],
];

await main(async () => {
  const { values } = parseArgs({ options: { only: { type: "string", default: "" } } });
  await ensureNodeModules();
  if (!values.only) rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  await withBrowser(async (open) => {
    for (const language of ["en", "zh-CN"]) {
      for (const theme of ["light", "dark"]) {
        for (const [name, scenario, page] of PICTURES) {
          if (!name.includes(values.only)) continue;
          const tab = await open(scenario, page, { theme, language, width: 1000, height: 700 });
          await tab.screenshot({ path: join(FOLDER, `${name}-${language}-${theme}.png`) });
          await tab.close();
        }
      }
    }
  });
  say(`the pictures are in ${FOLDER}`);
});
