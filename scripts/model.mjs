// `npm run model`: every order in which a handover can go, with two faults. The tests have one.
import { main, run } from "./lib/steps.mjs";

await main(() =>
  run(
    "cargo",
    [
      "test",
      "--release",
      "--locked",
      "-p",
      "handover",
      "--test",
      "model",
      "--",
      "--include-ignored",
      "--nocapture",
    ],
    {
      stdio: "inherit",
    },
  ),
);
