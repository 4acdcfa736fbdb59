// `npm run bench`: how fast the takeover is, beside what a person would run instead; prints Markdown tables.
import { existsSync, readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { buildRelease } from "./lib/programs.mjs";
import { releaseEnv } from "./lib/release.mjs";
import { main, output, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { installDebian, isDebian } from "./lib/system.mjs";

const TOOLS = join(ROOT, "target", "tools");
const PSUTIL = join(TOOLS, "psutil");
const KILLPORT = join(TOOLS, "bin", "killport");

await main(async () => {
  if (process.platform !== "linux") throw new StepError("The benchmark runs on Linux only.");
  // What cannot be had is left out, and the table says so.
  await tryTo("install ss, lsof and fuser", async () => {
    if (isDebian()) await installDebian(["iproute2", "lsof", "psmisc"]);
  });
  await tryTo("install psutil", async () => {
    if (
      existsSync(join(PSUTIL, "bin", "pip")) &&
      output(join(PSUTIL, "bin", "python"), ["-c", "import psutil"]) === ""
    )
      return;
    await run("python3", ["-m", "venv", PSUTIL]);
    await run(join(PSUTIL, "bin", "pip"), ["install", "--quiet", "psutil"]);
  });
  await tryTo("install killport", async () => {
    if (!existsSync(KILLPORT)) await run("cargo", ["install", "--locked", "--root", TOOLS, "killport"]);
  });
  say("building");
  await buildRelease(["taskpaw-ports"]);
  const bench = [
    "bench",
    "--locked",
    "-p",
    "taskpaw-bench",
    "--features",
    "competitors",
    "--bench",
    "takeover",
  ];
  // As the programs are built, so that they have their parts in common.
  await run("cargo", [...bench, "--no-run"], { env: releaseEnv() });
  say("measuring (this takes some minutes)");
  console.log(machine());
  const env = { ...process.env, CRITERION_HOME: join(ROOT, "target", "criterion") };
  await run("cargo", [...bench, "--", "--quiet", ...process.argv.slice(2)], {
    env: releaseEnv(env),
    stdio: "inherit",
  });
});

async function tryTo(what, step) {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    say(`cannot ${what}: ${error.message}`);
  }
}

/** The machine and the versions of what is compared with. */
function machine() {
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  const first = (text) => text?.split("\n").find((line) => line.trim()) ?? "missing";
  const versions = {
    ss: first(output("ss", ["-V"])),
    lsof: first(output("dpkg-query", ["-W", "-f", "lsof ${Version}", "lsof"])),
    fuser: first(output("dpkg-query", ["-W", "-f", "psmisc ${Version}", "psmisc"])),
    killport: first(output(KILLPORT, ["--version"])),
    psutil: first(
      output(join(PSUTIL, "bin", "python"), ["-c", "import psutil; print('psutil', psutil.__version__)"]),
    ),
  };
  const [cpu] = cpus();
  return `${cpus().length} × ${cpu.model}, ${system}, Linux ${release()}; ${Object.values(versions).join("; ")}`;
}
