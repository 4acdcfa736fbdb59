// What schemathesis invents from the documents of the HTTP interfaces, and raw bytes, against a running agent and hub:
//   npm run trial:openapi -- --schemathesis FILE [--seconds 60] [--program target/debug/taskpaw-backend]
// schemathesis is a Python program: python3 -m venv DIR && DIR/bin/pip install schemathesis
import { spawnSync } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import net from "node:net";
import { readFileSync } from "node:fs";
import { Backend, CONTROL, Claims, OTHERS, call, freePort, option } from "./lib/backend-trial.mjs";

const SECONDS = option("seconds", 60);
const named = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const PROGRAM = named("program", "target/debug/taskpaw-backend");
const TOOL = named("schemathesis", "schemathesis");

/** Requests that are almost right, as bytes. */
const PIECES = [
  "GET /status HTTP/1.1\r\n",
  "POST /control/monitors HTTP/1.1\r\n",
  "GET /events?ack=0 HTTP/1.0\r\n",
  "Host: 127.0.0.1\r\n",
  "Host: evil.example\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: -1\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Authorization: Bearer x\r\n",
  "\r\n",
  "ffffffffffffffff\r\n",
  "0\r\n\r\n",
  '{"a":[',
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01\x02\x00",
];

function bytes() {
  const parts = Array.from({ length: randomInt(1, 8) }, () => {
    const piece = Buffer.from(PIECES[randomInt(PIECES.length)], "latin1");
    if (randomInt(3) === 0) piece[randomInt(piece.length)] = randomInt(256);
    return randomInt(6) === 0 ? randomBytes(randomInt(1, 64)) : piece;
  });
  return Buffer.concat(parts);
}

function throwAt(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.end(bytes()));
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on("data", () => {});
    socket.on("error", () => {});
    socket.on("close", resolve);
  });
}

const claims = new Claims();
for (const role of ["agent", "hub"]) {
  const [first, second] = [await freePort(), await freePort()];
  const config =
    role === "agent"
      ? {
          agent: {
            token: OTHERS,
            network: { host: "127.0.0.1", port: first },
            control: { host: "127.0.0.1", port: second },
          },
        }
      : { hub: { api: { host: "127.0.0.1", port: first }, token: OTHERS, discovery: false } };
  const backend = new Backend(PROGRAM, role, config);
  await backend.start();
  const before = backend.memory();
  const document = JSON.parse(readFileSync(`docs/openapi-${role}.json`, "utf8"));
  for (const isControl of [false, true]) {
    const port = isControl && role === "agent" ? second : first;
    const tag = isControl ? "control" : Object.values(document.paths["/status"])[0].tags[0];
    const run = spawnSync(
      TOOL,
      [
        "run",
        `docs/openapi-${role}.json`,
        ...["--url", `http://127.0.0.1:${port}`],
        ...["--include-tag", tag],
        // Streams do not end, and a stop is the end of the trial.
        ...["--exclude-path-regex", "stream$|stop$"],
        ...["--header", `Authorization: Bearer ${isControl ? CONTROL : OTHERS}`],
        // What is refused although it fits is what a schema does not say, such as a name that is there twice.
        ...[
          "--checks",
          "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection",
        ],
        ...["--phases", "examples,coverage,fuzzing", "--max-examples", `${Math.max(10, SECONDS)}`],
        ...["--request-timeout", "10", "--no-color"],
      ],
      { encoding: "utf8" },
    );
    const said = `${run.stdout ?? ""}${run.stderr ?? run.error ?? ""}`;
    claims.that(run.status === 0, `${role}, ${tag}: ${said.split("\n").slice(-80).join("\n")}`);
    console.log(`${role}, ${tag}: ${said.trim().split("\n").slice(-6).join(" · ")}`);
  }
  let thrown = 0;
  for (const end = performance.now() + SECONDS * 1_000; performance.now() < end; thrown += 32) {
    await Promise.all(
      Array.from({ length: 32 }, () => throwAt(randomInt(2) && role === "agent" ? second : first)),
    );
  }
  const ping = await call("127.0.0.1", first, "/ping", { token: OTHERS });
  claims.that(
    ping.status === 200,
    `${role}: it answers ${ping.status} after ${thrown} requests of raw bytes`,
  );
  const grown = backend.memory() - before;
  claims.that(grown < 20, `${role}: it has grown by ${grown.toFixed(0)} MiB`);
  console.log(
    `${role}: ${thrown} requests of raw bytes, ping ${ping.ms.toFixed(0)} ms, ${grown.toFixed(1)} MiB more`,
  );
  await backend.end();
}
claims.end();
