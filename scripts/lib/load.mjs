// Many requests at an even pace, and the ports and waits that measuring needs.
import { createServer, connect as connectTo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const CLIENTS = 8;

/** A connection to a port of this machine; that it is cut later is no fault of this program. */
export function connect(port) {
  return connectTo(port, "127.0.0.1")
    .setNoDelay(true)
    .on("error", () => {});
}

/** Asks so often in each second, on a few connections, and counts what comes back. */
export async function requests(port, path, { perSecond, seconds }) {
  const until = performance.now() + seconds * 1000;
  const clients = Array.from({ length: CLIENTS }, () => client(port, path, perSecond / CLIENTS, until));
  const all = await Promise.all(clients);
  const sum = (key) => all.reduce((total, one) => total + one[key], 0);
  return { answered: sum("answered"), failed: sum("failed") };
}

/** One connection: a request at a time, not before it is due. */
function client(port, path, perSecond, until) {
  const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
  return new Promise((resolve) => {
    const socket = connect(port);
    const started = performance.now();
    let answered = 0;
    let failed = 0;
    let waiting = Buffer.alloc(0);
    const end = () => {
      socket.destroy();
      resolve({ answered, failed });
    };
    const next = () => {
      const now = performance.now();
      if (now >= until) return end();
      const due = started + (answered / perSecond) * 1000;
      // Timers are no finer than a millisecond: what is due within it is sent now.
      if (due - now > 1) setTimeout(next, due - now);
      else socket.write(request);
    };
    socket.on("data", (data) => {
      waiting = Buffer.concat([waiting, data]);
      const head = waiting.indexOf("\r\n\r\n");
      if (head < 0) return;
      const text = waiting.toString("latin1", 0, head);
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (waiting.length < head + 4 + length) return;
      if (!text.startsWith("HTTP/1.1 200 ")) failed += 1;
      waiting = Buffer.alloc(0);
      answered += 1;
      next();
    });
    socket.once("connect", next);
    socket.once("close", () => {
      if (performance.now() < until) failed += 1;
      end();
    });
  });
}

/** Waits until something is so, and fails if that takes too long. */
export async function until(withinMs, isSo) {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms`);
    await sleep(20);
  }
}

/** Port numbers that were free a moment ago. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
