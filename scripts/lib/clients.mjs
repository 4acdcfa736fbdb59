// Clients that ask for one thing after the other, each on a new connection, in a thread of their own: what else a trial does keeps none of
// them waiting. Who starts it says to which port, and how many they are; at a message it tells how it went.
import { parentPort, workerData } from "node:worker_threads";
import { call, pause } from "./backend-trial.mjs";

const { port, count } = workerData;
const told = { answered: 0, failed: 0, longest: 0 };
let goes = true;

async function client() {
  let last = performance.now();
  while (goes) {
    const { status } = await call("127.0.0.1", port, "/ping", { within: 5_000 });
    const now = performance.now();
    if (status === 200) {
      told.answered += 1;
      told.longest = Math.max(told.longest, now - last);
      last = now;
    } else told.failed += 1;
    await pause(5);
  }
}

const all = Promise.all(Array.from({ length: count }, client));
parentPort.once("message", async () => {
  goes = false;
  await all;
  parentPort.postMessage(told);
});
