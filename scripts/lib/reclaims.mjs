// Reclaims in Wine from the look to the free port, with the finished programs: holders that obey, that do not, foreign ones, and two
// at once.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasEnded, until } from "./installer.mjs";
import { say, StepError } from "./steps.mjs";
import { compile, windowsPath } from "./wine.mjs";

/** Listens on a port of this machine, notes that it does, and hears nobody. Wine shows whose a listener is once it has an option. */
const HOLDER = `
#include <winsock2.h>
#include <ws2tcpip.h>
#include <stdlib.h>
#include <wchar.h>
int wmain(int count, wchar_t **arguments) {
  WSADATA data;
  WSAStartup(MAKEWORD(2, 2), &data);
  SOCKET listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  struct sockaddr_in at = {0};
  at.sin_family = AF_INET;
  at.sin_port = htons(_wtoi(_wgetenv(L"HOLDS")));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BOOL on = TRUE;
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 8)) return 1;
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, (char *)&on, sizeof on);
  CloseHandle(CreateFileW(_wgetenv(L"NOTE"), GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
  Sleep(120000);
  return 0;
}
`;
/** How long a program may take to be there, or gone, in milliseconds: Wine is slow on a busy machine. */
const LONG = 90_000;
/** What is expected of each kind of holders: how the call ends, and who ends how. */
const KINDS = {
  "one that obeys": { status: 0, ended: ["graceful"] },
  "one that does not": { status: 0, ended: ["forced"] },
  "a foreign one": { status: 3, ended: [] },
  "two at once": { status: 0, ended: ["forced", "graceful"] },
};

/** Reclaims the ports so often, from each kind of holders in turn. */
export async function testReclaims(wine, programs, rounds) {
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-reclaims-"));
  const started = [];
  try {
    mkdirSync(join(folder, "ours"));
    mkdirSync(join(folder, "theirs"));
    const [ours, theirs] = ["ours/taskpaw-backend.exe", "theirs/server.exe"].map((it) => join(folder, it));
    await compile(HOLDER, ours, "-lws2_32");
    copyFileSync(ours, theirs);
    const names = Object.keys(KINDS);
    const took = [];
    for (let round = 0; round < rounds; round += 1) {
      const name = names[round % names.length];
      const home = join(folder, `home${round}`);
      took.push(await reclaim({ wine, programs, started, home, ours, theirs }, name, `${name} (${round})`));
    }
    took.sort((a, b) => a - b);
    say(
      `${rounds} reclaims of ${names.length} kinds (${names.join(", ")}): each came out as it should; ` +
        `in the middle ${took[Math.floor(took.length / 2)]} ms, at most ${took.at(-1)} ms`,
    );
  } finally {
    for (const child of started.filter((child) => !hasEnded(child))) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function reclaim({ wine, programs, started, home, ours, theirs }, name, told) {
  const kind = KINDS[name];
  const [network, control] = await freePorts(2);
  mkdirSync(join(home, "config"), { recursive: true });
  const endpoint = (port) => ({ host: "127.0.0.1", port });
  const config = { agent: { network: endpoint(network), control: endpoint(control) } };
  writeFileSync(join(home, "config", "config.json"), JSON.stringify(config));
  const installed = wine.with({
    TASKPAW_CONFIG_DIR: windowsPath(join(home, "config")),
    TASKPAW_DATA_DIR: windowsPath(join(home, "data")),
    TASKPAW_V3_DIR: windowsPath(join(home, "v3")),
  });
  const holders = [];
  const hold = async (program, port) => {
    const note = join(home, `${port}.holds`);
    const child = wine.with({ HOLDS: String(port), NOTE: windowsPath(note) }).start(program, "agent");
    started.push(child);
    holders.push(child);
    await until(() => existsSync(note) || hasEnded(child), `${told}: port ${port} is held`, LONG);
  };
  const serve = async (only) => {
    const elsewhere = only === undefined ? {} : { [only]: endpoint((await freePorts(1))[0]) };
    const own = { agent: { ...config.agent, ...elsewhere } };
    const token = join(home, "data", "state", "control.token");
    writeFileSync(join(home, "config", "config.json"), JSON.stringify(own));
    const child = installed.start(join(programs, "taskpaw-backend.exe"), "agent");
    started.push(child);
    holders.push(child);
    const serves = async () => existsSync(token) && (await isHeld(own.agent.network.port));
    await until(async () => hasEnded(child) || (await serves()), `${told}: a backend serves`, LONG);
    if (hasEnded(child)) throw new StepError(`${told}: a backend ends with ${child.exitCode}`);
    writeFileSync(join(home, "config", "config.json"), JSON.stringify(config));
  };
  if (name === "one that obeys") await serve();
  if (name === "one that does not") await hold(ours, network);
  if (name === "a foreign one") await hold(theirs, network);
  if (name === "two at once") {
    await serve("control");
    await hold(ours, control);
  }
  const began = Date.now();
  const ran = installed.run(join(programs, "taskpaw-ports.exe"), "reclaim", "--json", "--grace", "20");
  const took = Date.now() - began;
  const answer = ran.stdout ? JSON.parse(ran.stdout) : {};
  const how = (answer.terminated ?? []).map((it) => it.how).sort();
  const isRight = ran.status === kind.status && JSON.stringify(how) === JSON.stringify(kind.ended);
  if (!isRight)
    throw new StepError(`a reclaim from ${told} ends with ${ran.status}: ${ran.stdout}${ran.stderr}`);
  if (kind.status === 0) {
    await until(() => holders.every(hasEnded), `${told}: the holders are gone`, LONG);
    for (const port of [network, control]) {
      if (await isHeld(port)) throw new StepError(`port ${port} is held after a reclaim from ${told}`);
    }
  } else if (holders.some(hasEnded)) {
    throw new StepError(`a reclaim has ended ${told}`);
  }
  for (const child of holders.filter((child) => !hasEnded(child))) child.kill("SIGKILL");
  return took;
}

/** Ports that nobody has now. */
async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => listening(0)));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function listening(port) {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => done(server));
  });
}

async function isHeld(port) {
  try {
    const server = await listening(port);
    await new Promise((done) => server.close(done));
    return false;
  } catch {
    return true;
  }
}
