// The window's pages in an ordinary browser, over the fake host: for pictures, and for checks that need real layout.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { installDebian, isDebian } from "./system.mjs";
import { run, ROOT, StepError } from "./steps.mjs";

/** Where the pages with the fake host are built. No package has it. */
const BUILT = join(ROOT, "target", "window-fake");
const CONFIG = join(ROOT, "ui", "vite.config.ts");
/** What draws the pages, and the letters of both languages. */
const PACKAGES = ["chromium", "fonts-dejavu-core", "fonts-wqy-microhei"];

/** Builds the pages, serves them on loopback and opens a browser; `work` gets a function that opens a page. */
export async function withBrowser(work) {
  if (isDebian()) await installDebian(PACKAGES);
  await run("npx", [
    "vite",
    "build",
    "--config",
    CONFIG,
    "--mode",
    "fake",
    "--outDir",
    BUILT,
    "--logLevel",
    "warn",
  ]);
  // Both are there only after `npm ci`, which the scripts that need them see to.
  const [{ preview }, { chromium }] = await Promise.all([import("vite"), import("playwright-core")]);
  const server = await preview({
    configFile: CONFIG,
    logLevel: "error",
    build: { outDir: BUILT },
    preview: { host: "127.0.0.1", port: 0, strictPort: false },
  });
  const { port } = server.httpServer.address();
  const browser = await launch(chromium);
  try {
    return await work((scenario, page, options) => open(browser, port, scenario, page, options));
  } finally {
    await browser.close();
    await server.close();
  }
}

async function launch(chromium) {
  // A browser's sandbox refuses to run as root, as in a container.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const executablePath = [process.env.TASKPAW_BROWSER, "/usr/bin/chromium"].find(
    (path) => path && existsSync(path),
  );
  const ways = executablePath ? [{ executablePath }] : [{ channel: "chrome" }, { channel: "msedge" }];
  for (const way of ways) {
    try {
      return await chromium.launch({ ...way, args });
    } catch (error) {
      if (way === ways.at(-1)) {
        throw new StepError(
          `no browser can be started (${error.message.split("\n")[0]}): install Chromium, Chrome or Edge, or name one in TASKPAW_BROWSER`,
        );
      }
    }
  }
}

/** Opens a page and waits until it shows what the fake host says. What a page throws is an error here. */
async function open(
  browser,
  port,
  scenario,
  page,
  { theme = "light", language = "en", width = 1000, height = 680, scale = 1 } = {},
) {
  const tab = await browser.newPage({
    viewport: { width, height },
    deviceScaleFactor: scale,
    colorScheme: theme,
    locale: language,
    timezoneId: "UTC",
    reducedMotion: "reduce",
  });
  tab.on("pageerror", (error) => {
    throw new StepError(`${scenario}, ${page}: ${error.message}`);
  });
  const search = new URLSearchParams({ fake: scenario, theme, lang: language });
  await tab.goto(`http://127.0.0.1:${port}/?${search}#/${page}`);
  // What comes after the page is one thing on it.
  await tab.waitForSelector(`[data-testid="page-${page.split("/")[0]}"]`);
  // Answers of the fake take a moment; then nothing moves any more.
  await tab
    .waitForFunction(() => !document.querySelector('[data-testid="connecting"], [aria-busy="true"]'), null, {
      timeout: 5000,
    })
    .catch(() => {});
  await tab.waitForTimeout(150);
  return tab;
}
