// `npm run feed -- keys DIR`: a new pair of keys; `npm run feed -- make …`: signs the packages of a release, makes the feed that offers
// them, signs it, and holds it against what the app believes. Without more it says what else there is (docs/release.md).
import { main, run } from "./lib/steps.mjs";

const args = process.argv.slice(2);
await main(() =>
  run(
    "cargo",
    [
      "run",
      "--quiet",
      "-p",
      "taskpaw-updates",
      "--example",
      "feed",
      "--",
      ...(args.length ? args : ["--help"]),
    ],
    { stdio: "inherit" },
  ),
);
