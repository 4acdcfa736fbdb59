// A new Debian machine in a folder: nothing but the base system, and then a package with what it declares to need.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { run, say, StepError } from "./steps.mjs";
import { installDebian } from "./system.mjs";

/** The oldest Debian that the package is for. */
const SUITE = "bookworm";
/** Where Debian is fetched from, if not from where debootstrap looks by itself. */
const MIRROR = process.env.TASKPAW_DEBIAN_MIRROR;

/** Installs a package on a new machine, starts the app there on a virtual display, and waits until it is ready. */
export async function startOnNewMachine(path) {
  if (process.getuid() !== 0)
    throw new StepError("A new machine in a folder needs root: run this with sudo.");
  await installDebian(["debootstrap", "xvfb"]);
  const machine = mkdtempSync(join(tmpdir(), "taskpaw-machine-"));
  try {
    say(`making a new machine with Debian ${SUITE} (some minutes)`);
    const from = MIRROR ? [MIRROR] : [];
    await run("debootstrap", ["--variant=minbase", SUITE, machine, ...from], { stdio: "ignore" });
    copyFileSync(path, join(machine, "tmp", basename(path)));
    const install = "apt-get install -y -qq --no-install-recommends";
    await inside(
      machine,
      `${install} /tmp/${basename(path)} >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }`,
    );
    say("installed with what it declares to need, and nothing else");
    const told = await withDisplay((display) =>
      inside(machine, "HOME=/root taskpaw --check /tmp/window.png", { DISPLAY: display }),
    );
    const size = statSync(join(machine, "tmp", "window.png")).size;
    say(`the app is ready on it, with a picture of ${size} bytes: ${told.trim()}`);
  } finally {
    // What was mounted went with the processes that it was mounted for.
    rmSync(machine, { recursive: true, force: true });
  }
}

/** Runs a command on the machine, with processes and mounts of its own, and gives what it prints. */
function inside(machine, command, env = {}) {
  const mounts = `mount -t proc proc ${machine}/proc && mount --rbind /dev ${machine}/dev`;
  const script = `${mounts} && exec chroot ${machine} /bin/sh -c ${quoted(command)}`;
  const args = ["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script];
  const variables = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND: "noninteractive", ...env };
  const ran = spawnSync("unshare", args, { env: variables, encoding: "utf8", timeout: 600_000 });
  if (ran.status !== 0) {
    throw new StepError(
      `on the new machine \`${command}\` ended with ${ran.status}: ${ran.stdout}${ran.stderr}`,
    );
  }
  return ran.stdout;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A virtual display of this machine: its socket has a name that a changed root does not hide. */
async function withDisplay(body) {
  const args = ["-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp"];
  const server = spawn("Xvfb", args, { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  try {
    const number = await new Promise((resolve, reject) => {
      server.stdio[3].once("data", (data) => resolve(String(data).trim()));
      server.once("error", reject);
      server.once("exit", () => reject(new StepError("the virtual display ends at once")));
    });
    return await body(`:${number}`);
  } finally {
    server.kill();
  }
}
