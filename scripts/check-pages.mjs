// `npm run check:pages [-- --only SCENARIO]`: what needs a real browser. axe-core finds nothing serious on any page in either
// theme, no page is wider than the smallest window, every control is reached by keyboard and shows that it has the focus,
// nothing moves for those who asked for that, ten thousand events scroll and filter within a frame, fifty machines are shown
// anew within one, the page of one of sixty monitors is there at once, and the window's script is small.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { withBrowser } from "./lib/browser.mjs";
import { beginsWell, leavesByEscape, motion, withoutMouse } from "./lib/keyboard.mjs";
import { EVERY_STATE, sixtyMonitors } from "./lib/page-states.mjs";
import { ensureNodeModules } from "./lib/programs.mjs";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";

const { values } = parseArgs({ options: { only: { type: "string" } } });
const STATES = EVERY_STATE.filter(([scenario]) => !values.only || scenario === values.only);
/** A frame at 60 Hz. */
const FRAME_MS = 16;
/** In which the page of one monitor is to be there. */
const OPEN_MS = 100;
/** All script of the window together, as gzip has it. */
const SCRIPT_BYTES = 200 * 1024;

await main(async () => {
  await ensureNodeModules();
  await withBrowser(async (open) => {
    const wrong = [
      ...(await size()),
      ...(await quick(open)),
      ...(await manyMachines(open)),
      ...(await opensQuickly(open)),
      ...(await standsStill(open)),
      ...(await states(open)),
      ...(await byKeyboard(open)),
    ];
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
    for (const [scenario, page, click, button = "left"] of STATES) {
      const where = [scenario, page, click, theme, language].filter(Boolean).join(", ");
      const tab = await open(scenario, page, { theme, language });
      if (click) await tab.locator(`[data-testid="${click}"]`).first().click({ button });
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
          ...(await overlaps(tab)).map(
            (found) => `${where}, ${size.width} wide: runs out of its place: ${found}`,
          ),
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
  for (const [scenario, page, click, button] of STATES) {
    // The keys of a menu are no Tab: they are in the window's own tests.
    if (button === "right") continue;
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

/** Words that run into what stands beside them: wider than their place, and neither cut nor wrapped. */
function overlaps(tab) {
  return tab.evaluate(() =>
    [...document.querySelectorAll("nav *, main *, dialog[open] *")]
      .filter((element) => {
        const { display, overflowX } = getComputedStyle(element);
        return (
          element.clientWidth > 0 &&
          display !== "inline" &&
          overflowX === "visible" &&
          element.scrollWidth > element.clientWidth + 1 &&
          !(element instanceof SVGElement)
        );
      })
      .map(
        (element) =>
          `${element.tagName.toLowerCase()}.${element.className} “${element.innerText?.slice(0, 40)}”`,
      ),
  );
}

/** How much script a package has. */
async function size() {
  const built = join(ROOT, "target", "window-size");
  const config = join(ROOT, "ui", "vite.config.ts");
  await run("npx", ["vite", "build", "--config", config, "--outDir", built, "--logLevel", "warn"]);
  const files = readdirSync(built, { recursive: true }).filter((file) => file.endsWith(".js"));
  const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(built, file))).length, 0);
  const told = `the window's script is ${(bytes / 1024).toFixed(1)} KiB compressed`;
  say(told);
  return bytes > SCRIPT_BYTES ? [`${told}: more than ${SCRIPT_BYTES / 1024} KiB`] : [];
}

/** What a page costs: its script time during some act. */
async function meter(tab) {
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
  return { settle, during };
}

/** What moves under the pointer on This machine while time goes on and other things are found: nothing. */
async function standsStill(open) {
  say("the list of monitors while time goes on");
  const wrong = [];
  for (const language of ["en", "zh-CN"]) {
    for (const width of [720, 1000, 1400]) {
      const tab = await open("hub", "this-machine", { language, width });
      const places = () =>
        tab.evaluate(() =>
          [...document.querySelectorAll('[data-testid="monitor-enabled"], [data-testid="monitor-edit"]')]
            .map((control) => control.getBoundingClientRect())
            .map(({ x, y }) => `${Math.round(x)},${Math.round(y)}`)
            .join(" "),
        );
      await tab.evaluate(later, 30);
      const before = await places();
      for (const seconds of [90, 3_700, 86_399, 200_000]) {
        await tab.evaluate(later, seconds);
        const after = await places();
        if (after !== before)
          wrong.push(`${language}, ${width} wide: after ${seconds} s ${before} is ${after}`);
      }
      await tab.close();
    }
  }
  return wrong;
}

/** Done in the page: each monitor is as it is for so long, and what is well says more or less of it. */
function later(seconds) {
  const { world } = globalThis.taskpawFake;
  globalThis.ordinaryStatus ??= world.status;
  world.status = () => {
    const status = globalThis.ordinaryStatus();
    for (const [name, monitor] of Object.entries(status.monitors)) {
      const isWell = monitor.state === "ok";
      const detail = isWell ? "accepts connections ".repeat(1 + (seconds % 7)) : monitor.detail;
      status.monitors[name] = { ...monitor, detail, state_seconds: seconds };
    }
    return status;
  };
  globalThis.taskpawFake.pushAll();
  return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

/** The pages of sixty monitors, each with what was kept of seven days: from the click until it is drawn. */
async function opensQuickly(open) {
  const tab = await open("hub", "this-machine", { width: 1280, height: 900 });
  await tab.evaluate(sixtyMonitors);
  const { during } = await meter(tab);
  const opened = [];
  const weeks = [];
  for (let number = 1; number <= 60; number += 1) {
    opened.push(
      await during(async () => {
        await tab.evaluate((number) => {
          location.hash = `#/this-machine/monitor/Service%20${number}`;
        }, number);
        await tab.waitForSelector('[data-testid="history-chart"]');
      }),
    );
    weeks.push(
      await during(async () => {
        await tab.locator('[data-testid="range-week"]').click();
        await tab.waitForSelector('[data-testid="range-week"][aria-pressed="true"]');
      }),
    );
    await tab.evaluate(() => {
      location.hash = "#/this-machine";
    });
    await tab.waitForSelector('[data-testid="monitor"]');
  }
  await tab.close();
  return [...judge("a monitor's page opens", opened, OPEN_MS), ...judge("it shows a week", weeks, OPEN_MS)];
}

function judge(name, times, most = FRAME_MS) {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const told = `${name}, script time of ${times.length} frames: median ${at(0.5).toFixed(2)} ms, p95 ${at(0.95).toFixed(2)} ms, longest ${at(1).toFixed(2)} ms`;
  say(told);
  return at(0.95) > most ? [`${told}: more than ${most} ms`] : [];
}

/** Fifty machines of which one after the other says something new, and events that come to ten thousand. */
async function manyMachines(open) {
  const wrong = [];
  const fleet = await open("many-machines", "fleet", { width: 1280, height: 900 });
  let { during } = await meter(fleet);
  const told = [];
  for (let round = 0; round < 100; round += 1) {
    told.push(
      await during(() =>
        fleet.evaluate((round) => {
          const { world } = globalThis.taskpawFake;
          const agent = world.fleet.agents[round % world.fleet.agents.length];
          const host = agent.status.monitors.host_metrics;
          host.metrics = { ...host.metrics, cpu_percent: (round * 7) % 100 };
          globalThis.taskpawFake.push({ kind: "machines", agents: [agent] });
        }, round),
      ),
    );
  }
  wrong.push(...judge("one of 50 machines is another", told));
  await fleet.close();
  const events = await open("many-machines", "events", { width: 1280, height: 900 });
  await events.waitForSelector('[data-testid="event"]');
  ({ during } = await meter(events));
  const came = [];
  for (let round = 0; round < 100; round += 1) {
    came.push(
      await during(() =>
        events.evaluate((round) => {
          const [known] = globalThis.taskpawFake.world.events;
          const event = { ...known, id: 20_000 + round, time: new Date(Date.now() + round).toISOString() };
          globalThis.taskpawFake.push({ kind: "agent_events", events: [event] });
        }, round),
      ),
    );
  }
  wrong.push(...judge("an event comes to 10,000", came));
  await events.close();
  return wrong;
}

/** Script time of each frame while ten thousand events are scrolled and filtered. */
async function quick(open) {
  const tab = await open("many", "events", { width: 1280, height: 900 });
  await tab.waitForSelector('[data-testid="event"]');
  const { settle, during } = await meter(tab);
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
  return [...judge("scrolling 10,000 events", scrolling), ...judge("filtering 10,000 events", filtering)];
}
