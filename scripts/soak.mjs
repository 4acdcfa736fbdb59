// `npm run soak -- --cycles N [--seed S]`: upgrades back and forth between two versions, with a fault in each.
// `npm run soak -- --gap N`: how long no answer comes during an upgrade under load.
import { main } from "./lib/steps.mjs";
import { runWithTwoVersions } from "./lib/versions.mjs";

await main(() => runWithTwoVersions("soak", process.argv.slice(2)));
