// TaskPaw V3 from a folder that the user has, and the stand-in that the tests use for it: started the same way.
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, StepError } from "./steps.mjs";

/** Where the stand-ins are. */
export const HELPERS = join(ROOT, "tests", "helpers");
/** How long a Python program with large libraries may take to start on a busy machine. */
const START_MS = 60_000;
/** On Linux V3 looks into /etc/taskpaw alone: it gets an /etc of its own, with links to everything else in it. */
const OWN_ETC = `set -e
mkdir -p "$1/etc" "$1/system"
mount --bind /etc "$1/system"
for file in "$1"/system/*; do
  [ "\${file##*/}" = taskpaw ] || ln -sfn "$file" "$1/etc/\${file##*/}"
done
ln -sfn "$1/config" "$1/etc/taskpaw"
mount --bind "$1/etc" /etc
shift
exec "$@"`;

/** The real one: its configuration is in `folder/config`. `as` are words that make it another user's. */
export function startReal(source, folder, words, as = []) {
  const alone = process.getuid() === 0 ? ["--mount"] : ["--mount", "--map-root-user"];
  const command = ["sh", "-c", OWN_ETC, "sh", folder, ...as, ...words];
  return start("unshare", [...alone, "--", ...command], source, /"taskpaw_ready": true/);
}

/** Ours, from the tests. */
export function startStandIn(python, modules) {
  return start(python, ["-m", ...modules], HELPERS, /^ready$/m);
}

async function start(command, args, cwd, isReady) {
  const child = spawn(command, args, {
    cwd,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: cwd },
  });
  let said = "";
  const ended = new Promise((resolve) =>
    child.on("close", (code, signal) => resolve(signal ?? `status ${code}`)),
  );
  await new Promise((resolve, reject) => {
    const fail = (why) => reject(new StepError(`${args.slice(-3).join(" ")} ${why}\n${said}`));
    const late = setTimeout(() => fail("did not say that it is ready"), START_MS);
    child.on("error", (error) => fail(`cannot be started: ${error.message}`));
    ended.then((how) => fail(`ended with ${how}`));
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data) => {
        said += data;
        if (!isReady.test(said)) return;
        clearTimeout(late);
        resolve();
      });
  });
  return {
    pid: child.pid,
    tell: (line) => child.stdin.write(`${line}\n`),
    /** Asks it to end, and gives how it did. */
    end: (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
}

/** The configuration of an agent, or of a hub, as V3 reads it: JSON is YAML. */
export function configure(folder, role, settings) {
  mkdirSync(join(folder, "config"), { recursive: true });
  writeFileSync(join(folder, "config", `${role}.yaml`), JSON.stringify(settings));
}

/** Tells its hub something. */
export async function post(port, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: { connection: "close", "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new StepError(`${path} was refused with ${answer.status}: ${await answer.text()}`);
}
