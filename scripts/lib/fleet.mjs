// Plays the agents of a large fleet in one process: most answer, some take a connection and say nothing.
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";

/** What a machine with ten monitors answers. */
function status(name) {
  const now = new Date().toISOString();
  const monitors = Array.from({ length: 10 }, (_, place) => [
    `monitor ${place}`,
    { type_id: "process", state: "ok", detail: "runs, pid 4711", metrics: { count: 1 }, last_update: now },
  ]);
  const metrics = {
    cpu_percent: 3.5,
    memory_used_bytes: 4e9,
    memory_total_bytes: 16e9,
    uptime_seconds: 86_400,
  };
  const host = {
    type_id: "host_metrics",
    state: "ok",
    detail: "CPU 4 %, memory 25 %",
    metrics,
    last_update: now,
  };
  return {
    machine: name,
    server_id: name,
    os: "linux",
    monitors: { host_metrics: host, ...Object.fromEntries(monitors) },
  };
}

/** Plays so many agents until `end()`; `latestMs` is how far two polls of one agent were from their distance. */
export async function playFleet({ answering, mute }) {
  const asked = Array.from({ length: answering }, () => []);
  const silent = new Set();
  const servers = [
    ...asked.map((times, place) =>
      createHttpServer((request, response) => {
        const isStatus = request.url === "/status";
        if (isStatus) times.push(performance.now());
        const answer = JSON.stringify(isStatus ? status(`agent-${place}`) : { events: [] });
        response.writeHead(200, {
          "Content-Type": "application/json",
          "Content-Length": Buffer.byteLength(answer),
        });
        response.end(answer);
      }),
    ),
    ...Array.from({ length: mute }, () =>
      createServer((socket) =>
        silent.add(socket.on("error", () => {}).on("close", () => silent.delete(socket))),
      ),
    ),
  ];
  const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await Promise.all(servers.map(listening));
  return {
    ports: servers.map((server) => server.address().port),
    latestMs: (distance) =>
      Math.max(
        ...asked.flatMap((times) => times.slice(1).map((time, at) => Math.abs(time - times[at] - distance))),
      ),
    end: () => {
      silent.forEach((socket) => socket.destroy());
      for (const server of servers) {
        server.closeAllConnections?.();
        server.close();
      }
    },
  };
}
