// `npm run soak -- --cycles N [--seed S]`: upgrades back and forth between two versions, with a fault in each.
// `npm run soak -- --gap N`: how long no answer comes during an upgrade under load.
// `npm run soak -- --returns N`: what clients see of a successor that does not come to serve.
// `npm run soak -- --hung N`: upgrades of one whose backend hangs, and of one whose host does, under load.
// `npm run soak -- --pairs N`: two starts at the same moment, of one version and of two.
// `npm run soak -- --kills N [--seed S]`: launches that are killed at a random moment.
// `npm run soak -- --sleeps N [--seed S]`: updates in the middle of which the machine sleeps.
// `npm run soak -- --misbehaving`: backends that crash, hang or are never ready, until they are given up.
import { main } from "./lib/steps.mjs";
import { runWithTwoVersions } from "./lib/versions.mjs";

await main(() => runWithTwoVersions("soak", process.argv.slice(2)));
