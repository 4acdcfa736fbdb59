// `npm run check:pages [-- --only SCENARIO]`: what needs a real browser. axe-core finds nothing serious on any page in either
// theme, no page is wider than the smallest window, every control is reached by keyboard and shows that it has the focus,
// nothing moves for those who asked for that, and ten thousand events scroll and filter within a frame.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { withBrowser } from "./lib/browser.mjs";
import { beginsWell, leavesByEscape, motion, withoutMouse } from "./lib/keyboard.mjs";
import { ensureNodeModules } from "./lib/programs.mjs";
import { main, ROOT, say, StepError } from "./lib/steps.mjs";

const PAGES = ["this-machine", "fleet", "events", "ports", "settings", "diagnostics"];
/** What a page looks like besides the ordinary: scenario, page, and what is clicked first. */
const EVERY_STATE = [
  ...PAGES.map((page) => ["hub", page]),
  ["conflict", "this-machine"],
  ["conflict-two", "this-machine"],
  ["conflict-other-role", "this-machine"],
  ["failed", "this-machine"],
  ["starting", "this-machine"],
  ["lingering", "this-machine"],
  ["lingering-not-allowed", "this-machine"],
  ["v3-busy", "this-machine"],
  ["conflict-occupied", "this-machine"],
  ["problem", "this-machine"],
  ["off", "this-machine"],
  ["bare", "this-machine"],
  ["bare", "events"],
  ["hub-empty", "fleet"],
  ["closing", "this-machine"],
  ["imported", "this-machine"],
  ["imported", "diagnostics"],
  ["left-behind", "this-machine"],
  ["ready", "this-machine", "action-add-monitor"],
  ["hub", "fleet", "action-add-agent"],
  ["hub", "events", "event"],
  ["hub", "settings", "health"],
  ["new", "this-machine"],
  ["told", "this-machine", "mute"],
];
const { values } = parseArgs({ options: { only: { type: "string" } } });
const STATES = EVERY_STATE.filter(([scenario]) => !values.only || scenario === values.only);
/** A frame at 60 Hz. */
const FRAME_MS = 16;

await main(async () => {
  await ensureNodeModules();
  await withBrowser(async (open) => {
    const wrong = [...(await states(open)), ...(await byKeyboard(open)), ...(await quick(open))];
    for (const text of wrong) say(text);
    if (wrong.length > 0) throw new StepError(`the window has ${wrong.length} faults`);
  });
});

async function states(open) {
  say(`axe-core on ${STATES.length} states in both themes, and each at 720 × 480 and at 3840 × 2160`);
  const axe = readFileSync(join(ROOT, "node_modules", "axe-core", "axe.min.js"), "utf8");
  const wrong = [];
  for (const [theme, language] of [
    ["light", "en"],
    ["dark", "zh-CN"],
  ]) {
    for (const [scenario, page, click] of STATES) {
      const where = [scenario, page, click, theme, language].filter(Boolean).join(", ");
      const tab = await open(scenario, page, { theme, language });
      if (click) await tab.locator(`[data-testid="${click}"]`).first().click();
      wrong.push(...(await serious(tab, axe)).map((found) => `${where}: ${found}`));
      // What stands beside what, and with it what is unclear, is another at the smallest size.
      await tab.setViewportSize({ width: 720, height: 480 });
      wrong.push(...(await serious(tab, axe)).map((found) => `${where}, 720 wide: ${found}`));
      for (const size of [
        { width: 720, height: 480 },
        { width: 3840, height: 2160 },
      ]) {
        await tab.setViewportSize(size);
        wrong.push(
          ...(await tooWide(tab)).map((found) => `${where}, ${size.width} wide: too narrow for ${found}`),
        );
      }
      await tab.close();
    }
  }
  return wrong;
}

async function byKeyboard(open) {
  say(`the keyboard alone on ${STATES.length} states, and motion`);
  const wrong = [];
  for (const [scenario, page, click] of STATES) {
    const tab = await open(scenario, page);
    const found = [];
    if (click) {
      await tab.locator(`[data-testid="${click}"]`).first().focus();
      await tab.keyboard.press("Enter");
      await tab.waitForSelector("dialog[open]");
    }
    found.push(...(await beginsWell(tab)));
    found.push(...(await withoutMouse(tab)));
    if (click) found.push(...(await leavesByEscape(tab, click)));
    if (scenario === "starting") found.push(...(await motion(tab)));
    wrong.push(...found.map((text) => `${[scenario, page, click].filter(Boolean).join(", ")}: ${text}`));
    await tab.close();
  }
  return wrong;
}

async function serious(tab, axe) {
  await tab.evaluate(axe);
  const violations = await tab.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html}\n  ${failureSummary}`),
    }));
  });
  return violations
    .filter(({ impact }) => impact !== "minor")
    .map(({ id, impact, nodes }) => `${id} (${impact})\n  ${nodes.join("\n  ")}`);
}

function tooWide(tab) {
  return tab.evaluate(() =>
    [...document.querySelectorAll("body, main, nav, dialog, .card")]
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .map((element) => `${element.tagName.toLowerCase()}.${element.className}`),
  );
}

/** Script time of each frame while ten thousand events are scrolled and filtered. */
async function quick(open) {
  const tab = await open("many", "events", { width: 1280, height: 900 });
  await tab.waitForSelector('[data-testid="event"]');
  const session = await tab.context().newCDPSession(tab);
  await session.send("Performance.enable");
  const script = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "ScriptDuration").value * 1000;
  };
  const settle = () =>
    tab.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const during = async (act) => {
    const before = await script();
    await act();
    await settle();
    return (await script()) - before;
  };
  // What measuring itself costs in the page; it is not taken off.
  const scrolling = [];
  for (let step = 0; step < 200; step += 1) {
    scrolling.push(
      await during(() =>
        tab.evaluate((step) => {
          const list = document.querySelector('[data-testid="events"]');
          // Steps of a wheel, and now and then a jump through the whole list.
          list.scrollTop += step % 10 === 9 ? 53_000 : 120;
        }, step),
      ),
    );
  }
  await tab.evaluate(() => document.querySelector('[data-testid="events"]').scrollTo(0, 0));
  const filtering = [];
  for (let round = 0; round < 5; round += 1) {
    await tab.locator('[data-testid="event-search"]').fill("");
    await settle();
    for (const letter of "backup late 31") {
      filtering.push(
        await during(() =>
          tab.locator('[data-testid="event-search"]').press(letter === " " ? "Space" : letter),
        ),
      );
    }
    for (const level of ["alert", "warn", ""]) {
      filtering.push(await during(() => tab.locator('[data-testid="event-level"]').selectOption(level)));
    }
  }
  await tab.close();
  const wrong = [];
  for (const [name, times] of [
    ["scrolling", scrolling],
    ["filtering", filtering],
  ]) {
    const sorted = times.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const told = `${name} 10,000 events, script time of ${times.length} frames: median ${at(0.5).toFixed(2)} ms, p95 ${at(0.95).toFixed(2)} ms, longest ${at(1).toFixed(2)} ms`;
    say(told);
    if (at(0.95) > FRAME_MS) wrong.push(`${told}: more than ${FRAME_MS} ms`);
  }
  return wrong;
}
