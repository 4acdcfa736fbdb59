// A display of a trial's own with a session bus, the parts of a desktop that are wanted, and a picture of what is to be seen.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

const SESSION = join(import.meta.dirname, "session.py");

const quiet = (words, env, input = "ignore") =>
  spawn(words[0], words.slice(1), { env: { ...process.env, ...env }, stdio: [input, "pipe", "ignore"] });
const firstLine = (child) =>
  new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`${child.spawnfile} has ended`)));
    child.stdout.once("data", (text) => resolve(`${text}`.trim()));
  });

/** With `parts`: of "notifications" and "tray" those that it has. */
export async function virtualDesktop(parts = []) {
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-display-"));
  const size = ["-screen", "0", "1280x900x24", "-fbdir", folder];
  const processes = [quiet(["Xvfb", "-displayfd", "1", ...size, "-nolisten", "tcp", "-noreset"])];
  const display = `:${await firstLine(processes[0])}`;
  processes.push(quiet(["dbus-daemon", "--session", "--nofork", "--print-address=1"]));
  const env = {
    DISPLAY: display,
    DBUS_SESSION_BUS_ADDRESS: await firstLine(processes[1]),
    WAYLAND_DISPLAY: "",
    NO_AT_BRIDGE: "1",
    GTK_A11Y: "none",
  };
  const said = [];
  let session;
  if (parts.length > 0) {
    session = quiet(["/usr/bin/python3", SESSION, ...parts], env, "pipe");
    processes.push(session);
    await firstLine(session);
    let rest = "";
    session.stdout.on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      said.push(...lines.filter(Boolean).map((line) => JSON.parse(line)));
    });
  }
  return {
    env,
    /** What notifications and tray were told to show, so far. */
    said,
    /** A click on a notification. */
    click: (number) => session.stdin.write(`${number}\n`),
    /** Ends the display, as when its server crashes. */
    end: () => processes[0].kill("SIGKILL"),
    picture: () => png(readFileSync(join(folder, "Xvfb_screen0"))),
    close: () => {
      for (const child of processes.reverse()) child.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A dump of the X Window System (XWD, version 7, 32 bits a pixel) as PNG. */
export function png(dump) {
  const field = (number) => dump.readUInt32BE(4 * number);
  const [width, height, line, colours] = [field(4), field(5), field(12), field(19)];
  if (field(1) !== 7 || field(11) !== 32) throw new Error("a dump of another form");
  const from = field(0) + 12 * colours;
  const [red, green, blue] = field(7) === 0 ? [2, 1, 0] : [1, 2, 3];
  const rows = Buffer.alloc(height * (1 + 3 * width));
  for (let y = 0, to = 0; y < height; y += 1) {
    // Each row says first by which filter it was written: none.
    rows[to++] = 0;
    for (let x = 0, at = from + y * line; x < width; x += 1, at += 4) {
      rows[to++] = dump[at + red];
      rows[to++] = dump[at + green];
      rows[to++] = dump[at + blue];
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
