// `npm run trial:updates -- [--only clicks,answers,broken,kills] [--pictures DIR] [--programs DIR] [--rounds 20]`: updates from a file
// server on loopback, by real clicks in the real window, on a display, a bus and a home of their own. It takes a development build, which
// alone may ask by plain HTTP and believe a key of the trial. Linux, with Xvfb, dbus-daemon, at-spi2-core, gir1.2-atspi-2.0 and python3-gi.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Claims, pause } from "./lib/backend-trial.mjs";
import { buildWindow, DEVELOPMENT, ensureNodeModules } from "./lib/programs.mjs";
import { main, run, say, StepError } from "./lib/steps.mjs";
import { Clients, end, FileServer, Installation, Releases, spoiled, until } from "./lib/updates-trial.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "clicks,answers,broken,kills" },
    pictures: { type: "string", default: join(tmpdir(), "taskpaw-updates") },
    programs: { type: "string" },
    rounds: { type: "string", default: "20" },
  },
});
const PICTURES = resolve(values.pictures);
const LANGUAGES = ["en", "zh-CN"];
const claims = new Claims();

await main(async () => {
  if (process.platform !== "linux") throw new StepError("it needs a virtual display: run it on Linux");
  if (!values.programs) {
    await ensureNodeModules();
    await buildWindow();
    const packages = ["taskpaw", "taskpaw-backend", "taskpaw-ports"].flatMap((name) => ["-p", name]);
    await run("cargo", ["build", "--locked", ...packages]);
    await run("cargo", ["build", "--locked", "-p", "taskpaw-updates", "--example", "feed"]);
  }
  mkdirSync(PICTURES, { recursive: true });
  const releases = new Releases(values.programs ? resolve(values.programs) : DEVELOPMENT);
  const server = await new FileServer().start();
  try {
    for (const part of values.only.split(",")) {
      const trial = { clicks, answers, broken, kills }[part];
      if (!trial) throw new StepError(`there is no part "${part}"`);
      say(part);
      await trial(releases, server);
    }
  } finally {
    server.close();
    releases.end();
  }
  say(`the pictures are in ${PICTURES}`);
  claims.end();
});

/** The versions that work, made once. */
async function versions(releases) {
  releases.made ??= {};
  for (const version of ["4.1.0", "4.2.0", "4.2.1", "4.3.0"])
    releases.made[version] ??= await releases.archive(version);
  return releases.made;
}

function offer(releases, server, release, more) {
  releases.offer(release, server.url, more);
  server.folder = release.served;
}

/** 4.1.0 is running, and looks once a day. */
async function running(releases, server, { looks = "yes", ...more } = {}) {
  const made = await versions(releases);
  const it = await Installation.of(made["4.1.0"], {
    feed: `${server.url}/latest.json`,
    key: releases.key,
    config: { look_for_updates: looks },
    ...more,
  });
  it.start();
  await until("4.1.0 serves", async () => (await it.serves()) === "4.1.0");
  return it;
}

/** From 4.1.0 to 4.3.0 by clicks alone, under four clients. */
async function clicks(releases, server) {
  const made = await versions(releases);
  for (const language of LANGUAGES) {
    offer(releases, server, made["4.2.0"], { more: ["--security"] });
    server.mood = "breaks";
    const it = await running(releases, server, { language, looks: "not_asked" });
    const { t } = it;
    const kept = (name) => it.picture(join(PICTURES, `clicks-${language}-${name}.png`));
    const clients = new Clients(it.network);
    try {
      await it.says(t("updates.look"));
      kept("1-question");
      claims.that(server.asked.length === 0, `${language}: nothing is asked before the person has decided`);
      await it.clicks(t("updates.look"), "toggle button");
      await it.says(t("updates.downloading", { version: "4.2.0" }));
      kept("2-downloading");
      await it.says(t("updates.interrupted", { version: "4.2.0" }));
      kept("3-interrupted");
      await it.clicks(t("action.retry"));
      await it.says(t("updates.ready", { version: "4.2.0" }));
      await it.clicks(t("updates.what_is_new"));
      await it.says(language === "en" ? "made for a trial" : "此版本用于测试");
      kept("4-ready");
      for (const [version, name] of [
        ["4.2.0", "5"],
        ["4.3.0", "7"],
      ]) {
        await it.clicks(t("app.relaunch"));
        await it.says(t("app.updated", { version }));
        claims.that((await it.serves()) === version, `${language}: ${version} serves`);
        claims.that(it.installed === version, `${language}: ${version} is what the next start starts`);
        await it.clicks(t("updates.changed"));
        await pause(500);
        kept(`${name}-updated`);
        await it.clicks(t("action.close"));
        if (version === "4.3.0") break;
        offer(releases, server, made["4.3.0"]);
        server.mood = "well";
        await it.clicks(t("page.settings"), "link");
        await it.clicks(t("updates.look_now"));
        await it.says(t("updates.ready", { version: "4.3.0" }));
        kept("6-ready");
      }
      const told = server.asked
        .flatMap(({ headers }) => Object.keys(headers))
        .filter((name) => /cookie|version|id/i.test(name));
      claims.that(told.length === 0, `${language}: the request is all that is sent: ${told}`);
      claims.that(
        server.asked.some(({ range }) => range !== null),
        `${language}: the download was resumed`,
      );
    } finally {
      const { answered, failed, longest } = await clients.end();
      claims.that(
        failed.length === 0,
        `${language}: ${failed.length} of ${answered} requests were not answered`,
      );
      say(
        `${language}: ${answered} answers, ${failed.length} failed, the longest wait ${longest.toFixed(0)} ms`,
      );
      kept("last");
      server.asked.length = 0;
      await it.close();
    }
  }
}

/** Servers and feeds that are not to be believed: what the window says. */
async function answers(releases, server) {
  const made = await versions(releases);
  const cases = [
    ["expired", { more: ["--days", "-1"] }, "well", "expired"],
    ["other-key", { key: "others" }, "well", "other_key"],
    ["yesterday", { more: ["--sequence", "1"] }, "well", "replayed"],
    ["redirects", {}, "redirects", "redirected"],
    ["endless", {}, "endless", "too_large"],
    ["silent", {}, "silent", "too_slow"],
  ];
  for (const language of LANGUAGES) {
    offer(releases, server, made["4.1.0"]);
    server.mood = "well";
    const it = await running(releases, server, { language, looks: "no" });
    try {
      await it.clicks(it.t("page.settings"), "link");
      await it.clicks(it.t("updates.look_now"));
      await it.says(it.t("updates.current", { version: "4.1.0" }));
      for (const [name, how, mood, code] of cases) {
        try {
          offer(releases, server, made["4.2.0"], how);
        } catch (error) {
          // The tool says itself that such a feed is not believed, once it is made.
          say(`${name}: ${error.message.split("\n")[0]}`);
          server.folder = made["4.2.0"].served;
        }
        server.mood = mood;
        await it.clicks(it.t("updates.look_now"));
        await it
          .says(it.t(`updates.refused.${code}`))
          .catch((error) => claims.that(false, `${language}, ${name}: ${error.message}`));
        it.picture(join(PICTURES, `answers-${language}-${name}.png`));
        claims.that((await it.serves()) === "4.1.0", `${language}, ${name}: 4.1.0 serves`);
      }
    } finally {
      server.mood = "well";
      await it.close();
    }
  }
}

const KINDS = {
  "ends at once": spoiled("taskpaw", "#!/bin/sh\nexit 1\n"),
  "crashes at once": spoiled("taskpaw", "#!/bin/sh\nkill -SEGV $$\n"),
  hangs: spoiled("taskpaw", "#!/bin/sh\nexec sleep 600\n"),
  garbage: (programs, version) => spoiled("taskpaw", randomBytes(4096))(programs, version),
  "its backend ends before it is ready": spoiled("taskpaw-backend", "#!/bin/sh\nexit 1\n"),
  "its backend hangs": spoiled("taskpaw-backend", "#!/bin/sh\nexec sleep 600\n"),
  "crashes 20 s after it was ready": null,
};

/** Versions that do not work: the one before answers, is what the next start starts, and the broken one is not tried again. */
async function broken(releases, server) {
  const made = await versions(releases);
  let number = 0;
  for (const [kind, spoil] of Object.entries(KINDS)) {
    const language = LANGUAGES[number++ % 2];
    const bad = spoil ? await releases.archive("4.2.0", spoil, `bad-${number}`) : made["4.2.0"];
    offer(releases, server, bad);
    const it = await running(releases, server, { language, minute: 30_000 });
    const clients = new Clients(it.network);
    try {
      await it.says(it.t("updates.ready", { version: "4.2.0" }));
      await it.clicks(it.t("app.relaunch"));
      if (!spoil) {
        await until("4.2.0 serves", async () => (await it.serves()) === "4.2.0");
        await pause(20_000);
        for (const { pid, version } of it.processes()) if (version === "4.2.0") end(pid, "SIGKILL");
        const since = performance.now();
        await until("4.1.0 serves again", async () => (await it.serves()) === "4.1.0");
        const took = performance.now() - since;
        claims.that(took <= 2_000, `${kind}: 4.1.0 answers after ${took.toFixed(0)} ms`);
      }
      await it.says(it.t("updates.came_back", { failed: "4.2.0", version: "4.1.0" }));
      it.picture(join(PICTURES, `broken-${number}-${language}.png`));
      claims.that((await it.serves()) === "4.1.0", `${kind}: 4.1.0 serves`);
      claims.that(it.installed === "4.1.0", `${kind}: 4.1.0 is what the next start starts`);
      await it.clicks(it.t("action.close"));
      await it.clicks(it.t("page.settings"), "link");
      await it.clicks(it.t("updates.look_now"));
      await it.says(it.t("updates.failed_before", { version: "4.2.0" }));
      offer(releases, server, made["4.2.1"]);
      await it.clicks(it.t("updates.look_now"));
      await it.says(it.t("updates.ready", { version: "4.2.1" }));
    } catch (error) {
      claims.that(false, `${kind}: ${error.message}`);
      it.picture(join(PICTURES, `broken-${number}-${language}-failed.png`));
    } finally {
      const { answered, failed, longest } = await clients.end();
      claims.that(longest <= 2_000, `${kind}: a client waited ${longest.toFixed(0)} ms`);
      say(`${kind}: ${answered} answers, ${failed.length} failed, the longest wait ${longest.toFixed(0)} ms`);
      await it.close();
    }
  }
}

/** Everything is killed at some moment of an update: one whole version starts. */
async function kills(releases, server) {
  const made = await versions(releases);
  const steps = {
    "while it downloads": async (it) => it.says(it.t("updates.downloading", { version: "4.2.0" })),
    "once it is ready": async (it) => it.says(it.t("updates.ready", { version: "4.2.0" })),
    "after the click": async (it) => {
      await it.says(it.t("updates.ready", { version: "4.2.0" }));
      await it.clicks(it.t("app.relaunch"));
    },
  };
  for (const [step, reached] of Object.entries(steps))
    for (let round = 0; round < Number(values.rounds); round += 1) {
      offer(releases, server, made["4.2.0"]);
      server.mood = step === "while it downloads" ? "slow" : "well";
      const it = await running(releases, server);
      try {
        await reached(it);
        // Each round at another moment.
        await pause(round * 75);
        for (const name of ["taskpaw", "taskpaw-backend"])
          for (const { pid } of it.processes(name)) end(pid, "SIGKILL");
        server.mood = "well";
        const version = it.installed;
        claims.that(
          existsSync(join(it.folder, "versions", version, "taskpaw")),
          `${step}: ${version} is whole`,
        );
        it.start();
        await until(`${step}: one version serves`, async () => (await it.serves()) !== null, 30_000);
      } catch (error) {
        claims.that(false, `${step}, round ${round}: ${error.message}`);
      } finally {
        await it.close();
      }
    }
}
