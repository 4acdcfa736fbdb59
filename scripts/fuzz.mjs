// `npm run fuzz -- --seconds 60`: gives every reader of outside input what libFuzzer invents; `--target NAME` one of them.
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { main, ROOT, run, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

const FUZZ = join(ROOT, "tests", "fuzz");
const CORPUS = join(FUZZ, "corpus");
const BUILT = join(ROOT, "target", "fuzz");
const FINDINGS = join(BUILT, "findings");
/** What tells libFuzzer which way an input takes; the stable compiler has it. */
const COVERAGE = [
  "--cfg=fuzzing",
  "-Cpasses=sancov-module",
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
  "-Ccodegen-units=1",
];
/** An input that takes longer, in seconds, or more memory, in MiB, is a finding too. */
const LIMITS = ["-timeout=5", "-rss_limit_mb=1024", "-max_len=8192"];

await main(async () => {
  const { values } = parseArgs({
    options: { seconds: { type: "string", default: "60" }, target: { type: "string", multiple: true } },
  });
  const seconds = Number(values.seconds);
  if (!(seconds >= 1)) throw new StepError("Say how many seconds each target gets: --seconds 60.");
  if (process.platform !== "linux") throw new StepError("The coverage needs Linux here.");
  const all = readdirSync(CORPUS).sort();
  const targets = values.target ?? all;
  const unknown = targets.find((name) => !all.includes(name));
  if (unknown) throw new StepError(`There is no target ${unknown}; there are ${all.join(", ")}.`);

  await ensureSystem();
  say("building the targets");
  const env = { ...process.env, RUSTFLAGS: COVERAGE.join(" ") };
  const manifest = join(FUZZ, "libfuzzer", "Cargo.toml");
  // With a target named, the flags are not those of build scripts and macros.
  const host = "x86_64-unknown-linux-gnu";
  const triple = process.arch === "arm64" ? host.replace("x86_64", "aarch64") : host;
  await run(
    "cargo",
    [
      "build",
      "--release",
      "--locked",
      "--manifest-path",
      manifest,
      "--target",
      triple,
      "--target-dir",
      BUILT,
    ],
    { env },
  );
  mkdirSync(FINDINGS, { recursive: true });
  let failed = 0;
  for (const name of targets) {
    const { status, executions, inputs } = await fuzz(join(BUILT, triple, "release", name), name, seconds);
    console.log(
      `${name.padEnd(18)} ${executions.toLocaleString("en").padStart(13)} executions, ${inputs} inputs of interest${status === 0 ? "" : ", A FINDING"}`,
    );
    if (status !== 0) failed += 1;
  }
  if (failed > 0)
    say(`what was found is in ${FINDINGS}: make it an input of the corpus, and mend the reader`);
  return failed > 0 ? 1 : 0;
});

/** Runs one target on a copy of its corpus, which it adds to. */
async function fuzz(program, name, seconds) {
  say(`${name} for ${seconds} s`);
  const folder = mkdtempSync(join(tmpdir(), `taskpaw-fuzz-${name}-`));
  try {
    cpSync(join(CORPUS, name), folder, { recursive: true });
    const findings = `-artifact_prefix=${FINDINGS}/${name}-`;
    const args = [`-max_total_time=${seconds}`, "-print_final_stats=1", findings, ...LIMITS, folder];
    const child = spawn(program, args, { stdio: ["ignore", "inherit", "pipe"] });
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (log = (log + text).slice(-100_000)));
    const status = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? signal));
    });
    const executions = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(log)?.[1] ?? 0);
    if (status !== 0) process.stderr.write(log.slice(-4_000));
    return { status, executions, inputs: readdirSync(folder).length };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
