// `npm run trial:updates -- [--only clicks,answers,broken,kills,disk] [--pictures DIR] [--programs DIR] [--rounds 20]`: updates from a file
// server on loopback, by real clicks in the real window, on a display, a bus and a home of their own. It takes a development build, which
// alone may ask by plain HTTP and believe a key of the trial. Linux, with Xvfb, dbus-daemon, at-spi2-core, gir1.2-atspi-2.0 and python3-gi.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Claims, pause } from "./lib/backend-trial.mjs";
import { buildWindow, copyAsVersion, DEVELOPMENT, ensureNodeModules } from "./lib/programs.mjs";
import { main, run, say, StepError } from "./lib/steps.mjs";
import {
  Clients,
  end,
  FileServer,
  Installation,
  Releases,
  SmallDisk,
  spoiled,
  until,
} from "./lib/updates-trial.mjs";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "clicks,answers,broken,kills,disk" },
    pictures: { type: "string", default: join(tmpdir(), "taskpaw-updates") },
    programs: { type: "string" },
    rounds: { type: "string", default: "20" },
  },
});
const PICTURES = resolve(values.pictures);
const LANGUAGES = ["en", "zh-CN"];
const claims = new Claims();

/** Feeds that are not to be believed, and servers that do not serve one, with what the window says then. */
const FEEDS = {
  "an older version": { of: "4.0.9", floor: "4.0.0", code: "lower_version" },
  "an expired one": { more: ["--made", "2026-01-01T00:00:00Z"], code: "expired" },
  "another key": { key: "others", code: "other_key" },
  "the signature of another feed": { signedAs: "4.1.0", code: "bad_signature" },
  "the one of yesterday": { more: ["--sequence", "1"], code: "replayed" },
  "one that was withdrawn": { after: "4.1.0", of: "4.0.9", floor: "4.0.0", code: "below_floor" },
  "none for this system": { of: "for another system", code: "other_system" },
  "a redirect to another host": { mood: "redirects", code: "redirected" },
  "an endless answer": { mood: "endless", code: "too_large" },
  "no answer": { mood: "silent", code: "too_slow" },
};
/** Packages of an honest feed that are not what was signed, or should not have been. */
const PACKAGES = {
  "a byte that was changed": { mood: "changes", code: "bad_signature" },
  "another size": { mood: "shortens", code: "wrong_size" },
  "a redirect of the package": { mood: "redirects packages", code: "redirected" },
  "a link in it": { of: "with a link", code: "unsafe_archive" },
  "a path out of its folder": { of: "with a path", code: "unsafe_archive" },
  "programs of another version": { of: "of another version", code: "other_version" },
};

/** Versions that do not work. */
const KINDS = {
  "ends at once": spoiled("taskpaw", "#!/bin/sh\nexit 1\n"),
  "crashes at once": spoiled("taskpaw", "#!/bin/sh\nkill -SEGV $$\n"),
  hangs: spoiled("taskpaw", "#!/bin/sh\nexec sleep 600\n"),
  garbage: (programs, version) => spoiled("taskpaw", randomBytes(4096))(programs, version),
  "its backend ends before it is ready": spoiled("taskpaw-backend", "#!/bin/sh\nexit 1\n"),
  "its backend hangs": spoiled("taskpaw-backend", "#!/bin/sh\nexec sleep 600\n"),
  "crashes 20 s after it was ready": null,
};

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
      const trial = { clicks, answers, broken, kills, disk }[part];
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
    // What is said is known a moment before it is painted.
    const kept = async (name) => {
      await pause(500);
      it.picture(join(PICTURES, `clicks-${language}-${name}.png`));
    };
    const clients = new Clients(it.network);
    try {
      await it.says(t("updates.look"));
      await it.isPainted();
      await kept("1-question");
      claims.that(server.asked.length === 0, `${language}: nothing is asked before the person has decided`);
      await it.clicks(t("updates.look"), "toggle button");
      await it.says(t("updates.downloading", { version: "4.2.0" }));
      await kept("2-downloading");
      await it.says(t("updates.interrupted", { version: "4.2.0" }));
      await kept("3-interrupted");
      await it.clicks(t("action.retry"));
      await it.says(t("updates.ready", { version: "4.2.0" }));
      await it.clicks(t("updates.what_is_new"));
      await it.says(language === "en" ? "made for a trial" : "此版本用于测试");
      await kept("4-ready");
      for (const [version, name] of [
        ["4.2.0", "5"],
        ["4.3.0", "7"],
      ]) {
        await it.clicks(t("app.relaunch"));
        await it.says(t("app.updated", { version }));
        claims.that((await it.serves()) === version, `${language}: ${version} serves`);
        // Its minute has to be over.
        await until(`${language}: ${version} is what the next start starts`, () => it.installed === version);
        await it.clicks(t("updates.changed"));
        await kept(`${name}-updated`);
        await it.clicks(t("action.close"));
        if (version === "4.3.0") break;
        offer(releases, server, made["4.3.0"]);
        server.mood = "well";
        await it.clicks(t("page.settings"), "link");
        await it.clicks(t("updates.look_now"));
        await it.says(t("updates.ready", { version: "4.3.0" }));
        await kept("6-ready");
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
      claims.that(failed === 0, `${language}: ${failed} of ${answered} requests were not answered`);
      say(`${language}: ${answered} answers, ${failed} failed, the longest wait ${longest.toFixed(0)} ms`);
      await kept("last");
      server.asked.length = 0;
      await it.close();
    }
  }
}

/** Servers, feeds and packages that are not to be believed: what the window says, and that nothing comes of it. */
async function answers(releases, server) {
  const made = await versions(releases);
  made["4.0.9"] ??= await releases.archive("4.0.9");
  made["for another system"] ??= releases.forAnotherSystem("4.2.0");
  made["with a link"] ??= await releases.archive("4.2.0", {
    name: "with-a-link",
    twist: (top) => symlinkSync("/etc/passwd", join(top, "man", "passwd")),
  });
  made["with a path"] ??= await releases.archive("4.2.0", { name: "with-a-path", leaves: true });
  made["of another version"] ??= await releases.archive("4.2.0", {
    name: "of-another-version",
    spoil: (programs) => copyAsVersion("4.1.7", programs, releases.programs),
  });
  for (const language of LANGUAGES) {
    offer(releases, server, made["4.1.0"], { floor: "4.0.0" });
    server.mood = "well";
    const it = await running(releases, server, { language, looks: "no" });
    const { t } = it;
    const refuses = async (name, code) => {
      await it
        .says(t(`updates.refused.${code}`))
        .catch((error) => claims.that(false, `${language}, ${name}: ${error.message}`));
      await pause(500);
      it.picture(join(PICTURES, `answers-${language}-${name.replaceAll(" ", "-")}.png`));
      claims.that((await it.serves()) === "4.1.0", `${language}, ${name}: 4.1.0 serves`);
      claims.that(it.versions().join() === "4.1.0", `${language}, ${name}: nothing else lies there`);
      claims.that(it.installed === "4.1.0", `${language}, ${name}: 4.1.0 is what the next start starts`);
    };
    try {
      await it.clicks(t("page.settings"), "link");
      await it.clicks(t("updates.look_now"));
      await it.says(t("updates.current", { version: "4.1.0" }));
      for (const [name, { after, of = "4.2.0", mood = "well", code, signedAs, ...how }] of Object.entries(
        FEEDS,
      )) {
        if (after) {
          offer(releases, server, made[after]);
          await it.clicks(t("updates.look_now"));
          await it.says(t("updates.current", { version: after }));
          // Each feed has a higher number than the one before: that of its second.
          await pause(1_500);
        }
        offer(releases, server, made[of], { ...how, isBelieved: false });
        if (signedAs) releases.signAs(made[of], made[signedAs]);
        server.mood = mood;
        await it.clicks(t("updates.look_now"));
        await refuses(name, code);
      }
      for (const [name, { of = "4.2.0", mood = "well", code }] of Object.entries(PACKAGES)) {
        offer(releases, server, made[of]);
        server.mood = mood;
        await it.clicks(t("updates.look_now"));
        await it.says(t("updates.available", { version: "4.2.0" }));
        await it.clicks(t("updates.download"));
        await refuses(name, code);
        // The next look is to say something else.
        await pause(1_000);
      }
    } catch (error) {
      claims.that(false, `${language}: ${error.message}`);
      it.picture(join(PICTURES, `answers-${language}-failed.png`));
    } finally {
      server.mood = "well";
      await it.close();
    }
  }
}

/** Versions that do not work: the one before answers, is what the next start starts, and the broken one is not tried again. */
async function broken(releases, server) {
  const made = await versions(releases);
  let number = 0;
  for (const [kind, spoil] of Object.entries(KINDS)) {
    const language = LANGUAGES[number++ % 2];
    const bad = spoil ? await releases.archive("4.2.0", { spoil, name: `bad-${number}` }) : made["4.2.0"];
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
      await pause(500);
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
      say(`${kind}: ${answered} answers, ${failed} failed, the longest wait ${longest.toFixed(0)} ms`);
      await it.close();
    }
  }
}

/** Everything is killed at some moment of an update: one whole version starts. */
async function kills(releases, server) {
  const made = await versions(releases);
  const isReady = (it) => it.says(it.t("updates.ready", { version: "4.2.0" }));
  const isClicked = async (it) => {
    await isReady(it);
    await it.clicks(it.t("app.relaunch"));
  };
  // What is waited for, then so many ms more in each round.
  const steps = {
    "while it is downloaded and unpacked": [
      (it) => it.says(it.t("updates.downloading", { version: "4.2.0" })),
      700,
    ],
    "once it is ready": [isReady, 75],
    "after the click": [isClicked, 75],
    "around the end of its minute": [
      async (it) => {
        await isClicked(it);
        await until("4.2.0 serves", async () => (await it.serves()) === "4.2.0");
        await pause(2_200);
      },
      75,
    ],
  };
  offer(releases, server, made["4.2.0"]);
  server.mood = "well";
  const first = await running(releases, server);
  await isReady(first);
  const like = await first.keep();
  for (const [step, [reached, apart]] of Object.entries(steps)) {
    const seen = {};
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const begins = step.startsWith("while");
      server.mood = begins ? "slow" : "well";
      const it = await running(releases, server, begins ? {} : { like });
      try {
        await reached(it);
        await pause(round * apart);
        const all = ["taskpaw", "taskpaw-backend"].flatMap((name) => it.processes(name, { beside: true }));
        for (const { pid } of all) end(pid, "SIGKILL");
        server.mood = "well";
        const version = it.installed;
        const isWhole = existsSync(join(it.folder, "versions", version, "taskpaw"));
        claims.that(isWhole, `${step}, round ${round}: ${version} is whole`);
        it.start();
        await until("one version serves", async () => (await it.serves()) !== null, 30_000);
        const serves = await it.serves();
        claims.that(serves === version, `${step}, round ${round}: ${version} serves, not ${serves}`);
        seen[serves] = (seen[serves] ?? 0) + 1;
        say(`killed ${step}, ${round * apart} ms later: ${serves} starts`);
      } catch (error) {
        claims.that(false, `${step}, round ${round}: ${error.message}`);
      } finally {
        await it.close();
      }
    }
    const all = Object.entries(seen).map(([version, times]) => `${version} ${times} times`);
    say(`killed ${step}: then ${all.join(", ")} started`);
  }
  rmSync(like.kept, { recursive: true, force: true });
}

/** The disk is full at each step: it is said, 4.1.0 serves and is whole, and once there is room the same click goes on. Needs root. */
async function disk(releases, server) {
  if (process.getuid() !== 0) return say("SKIPPED: a small disk can be mounted by root alone");
  const made = await versions(releases);
  const { size } = made["4.2.0"];
  for (const language of LANGUAGES) {
    const small = new SmallDisk("700m");
    offer(releases, server, made["4.2.0"]);
    server.mood = "well";
    server.asked.length = 0;
    const it = await running(releases, server, { language, looks: "no", home: small.home });
    const { t } = it;
    const clients = new Clients(it.network);
    const isFull = async (step) => {
      await it.says(t("updates.refused.no_space"));
      await pause(500);
      it.picture(join(PICTURES, `disk-${language}-${step.replaceAll(" ", "-")}.png`));
      claims.that((await it.serves()) === "4.1.0", `${language}, ${step}: 4.1.0 serves`);
      claims.that(it.installed === "4.1.0", `${language}, ${step}: 4.1.0 is what the next start starts`);
      small.empty();
    };
    try {
      await it.clicks(t("page.settings"), "link");
      await it.clicks(t("updates.look_now"));
      await it.says(t("updates.available", { version: "4.2.0" }));
      small.leave(2 * size);
      await it.clicks(t("updates.download"));
      await isFull("before the download");
      claims.that(
        server.asked.every(({ name }) => !name.endsWith(".tar.gz")),
        `${language}: no package is asked for where it has no room`,
      );
      server.mood = "slow";
      await it.clicks(t("action.retry"));
      await it.says(t("updates.downloading", { version: "4.2.0" }));
      small.leave(0);
      await isFull("in the download");
      await it.clicks(t("action.retry"));
      await it.says(t("updates.downloading", { version: "4.2.0" }));
      // The package has room, and what is in it has not.
      small.leave(1.5 * size);
      await isFull("while it is unpacked");
      claims.that(
        it.versions().join() === "4.1.0",
        `${language}: nothing half is a version: ${it.versions()}`,
      );
      server.mood = "well";
      await it.clicks(t("action.retry"));
      await it.says(t("updates.ready", { version: "4.2.0" }));
      small.leave(0);
      await it.clicks(t("app.relaunch"));
      await isFull("at the relaunch");
      await it.clicks(t("action.retry"));
      await it.says(t("updates.ready", { version: "4.2.0" }));
      await it.clicks(t("app.relaunch"));
      await until("4.2.0 serves", async () => (await it.serves()) === "4.2.0");
      small.leave(0);
      await pause(8_000);
      claims.that((await it.serves()) !== null, `${language}: with a full disk one version serves`);
      small.empty();
      await it.says(t("app.updated", { version: "4.2.0" }));
      claims.that(
        it.installed === "4.2.0",
        `${language}: 4.2.0 is what the next start starts, once there is room`,
      );
    } catch (error) {
      claims.that(false, `${language}, a full disk: ${error.message}`);
      it.picture(join(PICTURES, `disk-${language}-failed.png`));
    } finally {
      server.mood = "well";
      const { answered, failed, longest } = await clients.end();
      claims.that(failed === 0, `${language}: ${failed} of ${answered} requests were not answered`);
      say(`${language}: ${answered} answers, ${failed} failed, the longest wait ${longest.toFixed(0)} ms`);
      await it.close();
      small.end();
    }
  }
}
