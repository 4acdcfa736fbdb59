// `npm run screenshots [-- --only TEXT]`: a picture of every page, light and dark, in both languages, into docs/screenshots.
// `npm run screenshots -- --sheets DIR [--only TEXT]`: every state of every page, to be looked at: one sheet for each, with both languages
// and themes, and from 720×480 over twice the pixels to 4K.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withBrowser } from "./lib/browser.mjs";
import { EVERY_STATE, HOW_MANY } from "./lib/page-states.mjs";
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

/** What is on a sheet: width, height, pixels for each, theme, language. */
const VIEWS = [
  [720, 480, 1, "light", "en"],
  [720, 480, 1, "dark", "zh-CN"],
  [1000, 700, 1, "light", "zh-CN"],
  [1000, 700, 2, "dark", "en"],
  [3840, 2160, 1, "light", "en"],
  [3840, 2160, 1, "dark", "zh-CN"],
];
/** How wide each is on it. */
const SHOWN = 800;

async function sheets(open, folder, only) {
  const states = [
    ...EVERY_STATE.map(([scenario, page, click, button]) => ({
      scenario,
      page,
      click,
      button,
      name: [scenario, page, click, button],
    })),
    ...HOW_MANY.map(([scenario, page, before, name]) => ({ scenario, page, before, name: [name] })),
  ];
  for (const { scenario, page, click, button = "left", before, name } of states) {
    const file = `${name
      .filter(Boolean)
      .join("-")
      .replaceAll(/[^\w]+/g, "-")}.png`;
    if (!file.includes(only)) continue;
    const pictures = [];
    for (const [width, height, scale, theme, language] of VIEWS) {
      const tab = await open(scenario, page, { theme, language, width, height, scale });
      if (before) await tab.evaluate(before);
      if (click) await tab.locator(`[data-testid="${click}"]`).first().click({ button });
      // What a click or a change brings is drawn with the next frames.
      await tab.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
      const picture = await tab.screenshot({ type: "jpeg", quality: 85 });
      pictures.push({ picture, words: `${width}×${height} ×${scale} ${theme} ${language}` });
      if (pictures.length < VIEWS.length) {
        await tab.close();
        continue;
      }
      await tab.setViewportSize({ width: 2 * SHOWN + 30, height: 600 });
      await tab.setContent(
        `<body style="margin:10px;background:#888;font:14px sans-serif;display:grid;grid-template-columns:1fr 1fr;gap:10px">${pictures
          .map(
            ({ picture, words }) =>
              `<figure style="margin:0">${words}<img width="${SHOWN}" src="data:image/jpeg;base64,${picture.toString("base64")}"></figure>`,
          )
          .join("")}</body>`,
      );
      await tab.screenshot({ path: join(folder, file), fullPage: true });
      await tab.close();
    }
    say(file);
  }
}

await main(async () => {
  const { values } = parseArgs({
    options: { only: { type: "string", default: "" }, sheets: { type: "string" } },
  });
  await ensureNodeModules();
  if (values.sheets) {
    mkdirSync(values.sheets, { recursive: true });
    return withBrowser((open) => sheets(open, values.sheets, values.only));
  }
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
