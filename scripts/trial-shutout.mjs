// Whether anybody without a token keeps out who has one: each way, from this machine as another user and from another machine,
// over IPv4 and IPv6, before, during and after a start. Linux, as root: the networks and users are made for it.
//   npm run trial:shutout -- [--seconds 20] [--program target/debug/taskpaw-backend] [--only IPv6]
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readlinkSync } from "node:fs";
import net from "node:net";
import { Backend, CONTROL, Claims, OTHERS, call, freePort, option, pause } from "./lib/backend-trial.mjs";

const SECONDS = option("seconds", 20);
const at = process.argv.indexOf("--program");
const PROGRAM = at < 0 ? "target/debug/taskpaw-backend" : process.argv[at + 1];
const only = process.argv.indexOf("--only");
const NEAR = { 4: "10.213.0.1", 6: "fd00:213::1" };
const FAR = { 4: "10.213.0.2", 6: "fd00:213::2" };
const FRIEND = { 4: "10.213.0.3", 6: "fd00:213::3" };

/** What a stranger sends on each connection, and how many it keeps open. */
const WAYS = {
  idle: { sends: "", keeps: 600 },
  "half a header": { sends: "GET /control/pi", keeps: 600 },
  connecting: { sends: "", keeps: 50, briefly: true },
  "wrong tokens": {
    sends: "GET /control/ping HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer no\r\n\r\n",
    keeps: 64,
  },
  "wrong tokens, new connections": {
    sends: "GET /status HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer no\r\n\r\n",
    keeps: 64,
    briefly: true,
  },
  "asking without a token": { sends: "GET /ping HTTP/1.1\r\nHost: HOST\r\n\r\n", keeps: 300 },
  "slow bodies": {
    sends: "POST /control/stop HTTP/1.1\r\nHost: HOST\r\nContent-Length: 60000\r\n\r\nx",
    keeps: 600,
  },
};

/** A stranger: connects again as soon as it is cut off. */
function attack(way, host, port, from) {
  const { sends, keeps, briefly } = WAYS[way];
  const named = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const go = () => {
    const socket = net.connect({ host, port, localAddress: from || undefined });
    const ask = () => socket.write(sends.replaceAll("HOST", named));
    socket.on("connect", () => {
      if (sends) ask();
      if (briefly) setTimeout(() => socket.resetAndDestroy(), 5);
    });
    // Asks again as soon as it is answered.
    socket.on("data", ask);
    socket.on("error", () => {});
    socket.on("close", () => setTimeout(go, 1));
  };
  for (let number = 0; number < keeps; number += 1) go();
}

/** A friend on the other machine: shows the right token ten times a second, and says how each call went. */
async function ask(host, port, from, token, path) {
  for (;;) {
    const answer = await call(host, port, path, { token, from });
    process.stdout.write(`${JSON.stringify({ status: answer.status, ms: answer.ms })}\n`);
    await pause(100);
  }
}

if (process.argv[2] === "attack") {
  attack(process.argv[3], process.argv[4], Number(process.argv[5]), process.argv[6]);
} else if (process.argv[2] === "ask") {
  await ask(process.argv[3], Number(process.argv[4]), process.argv[5], process.argv[6], process.argv[7]);
} else if (process.argv[2] !== "inside") {
  const inside = ["--net", process.execPath, process.argv[1], "inside", ...process.argv.slice(2)];
  process.exit(spawnSync("unshare", inside, { stdio: "inherit" }).status ?? 1);
} else {
  await trial();
}

async function trial() {
  const run = (...words) => execFileSync(words[0], words.slice(1));
  // Another machine: another network, with a cable between.
  const far = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  const network = (pid) => readlinkSync(`/proc/${pid}/ns/net`);
  while (network(far.pid) === network("self")) await pause(50);
  const there = ["nsenter", "-t", `${far.pid}`, "-n"];
  run("ip", "link", "set", "lo", "up");
  run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far");
  run("ip", "link", "set", "far", "netns", `${far.pid}`);
  for (const [way, link, addresses] of [
    [[], "near", [NEAR]],
    [there, "far", [FAR, FRIEND]],
  ]) {
    run(...way, "ip", "link", "set", link, "up");
    for (const address of addresses) {
      run(...way, "ip", "address", "add", `${address[4]}/24`, "dev", link);
      run(...way, "ip", "-6", "address", "add", `${address[6]}/64`, "dev", link, "nodad");
    }
  }
  const another = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const started = (words, answers) => {
    const child = spawn(words[0], words.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
    let rest = "";
    child.stdout.on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      answers?.push(...lines.map((line) => JSON.parse(line)));
    });
    return child;
  };
  const self = [process.execPath, process.argv[1]];
  const claims = new Claims();
  const rows = [];
  const targets = [
    { name: "agent, control, this machine", role: "agent", host: "127.0.0.1", strangers: [another] },
    { name: "agent, control, this machine, IPv6", role: "agent", host: "::1", strangers: [another] },
    {
      name: "hub, IPv4",
      role: "hub",
      host: NEAR[4],
      from: FAR[4],
      friend: FRIEND[4],
      strangers: [another, there],
    },
    {
      name: "hub, IPv6",
      role: "hub",
      host: NEAR[6],
      from: FAR[6],
      friend: FRIEND[6],
      strangers: [another, there],
    },
  ];
  const wanted = targets.filter(({ name }) => only < 0 || name.includes(process.argv[only + 1]));
  for (const { name, role, host, from, friend, strangers } of wanted) {
    for (const who of strangers) {
      for (const way of Object.keys(WAYS)) {
        const port = await freePort(host);
        const network = await freePort(host);
        const config =
          role === "agent"
            ? { agent: { control: { host, port }, network: { host: "127.0.0.1", port: network } } }
            : { hub: { api: { host, port }, token: OTHERS, discovery: false } };
        const backend = new Backend(PROGRAM, role, config);
        const stranger = started([
          ...who,
          ...self,
          "attack",
          way,
          host,
          `${port}`,
          who === there ? from : "",
        ]);
        await pause(500);
        const since = performance.now();
        await backend.start();
        const ready = performance.now() - since;
        const friends = [];
        const asking =
          friend && started([...there, ...self, "ask", host, `${port}`, friend, OTHERS, "/status"], friends);
        const own = [];
        // As the host does, only more often.
        for (const end = performance.now() + SECONDS * 1_000; performance.now() < end; await pause(100)) {
          own.push(await call(host, port, "/control/ping", { token: CONTROL }));
        }
        asking?.kill();
        const [slowest, refused] = [own, friends]
          .map((all) => all)
          .reduce(
            ([slow, bad], all) => [
              Math.max(slow, ...all.map(({ ms }) => ms)),
              bad + all.filter(({ status }) => status !== 200).length,
            ],
            [0, 0],
          );
        // Three in a row that are not answered within 5 s restart a backend.
        let row = 0;
        const longest = own.reduce(
          (most, { status }) => Math.max(most, (row = status === 0 ? row + 1 : 0)),
          0,
        );
        const whose = `${who === there ? "another machine" : "another user"}: ${way}`;
        claims.that(
          refused === 0,
          `${name}, ${whose}: ${refused} of ${own.length + friends.length} right tokens refused`,
        );
        claims.that(slowest < 1_000, `${name}, ${whose}: an answer took ${slowest.toFixed(0)} ms`);
        claims.that(longest < 3, `${name}, ${whose}: the backend would be started again`);
        claims.that(!friend || friends.length > 0, `${name}, ${whose}: the friend asked nothing`);
        rows.push({
          target: name,
          stranger: whose,
          "ready ms": ready.toFixed(0),
          asked: own.length + friends.length,
          refused,
          "slowest ms": slowest.toFixed(0),
        });
        console.log(JSON.stringify(rows.at(-1)));
        stranger.kill("SIGKILL");
        await backend.end();
      }
    }
  }
  far.kill();
  console.table(rows);
  claims.end();
}
