// `npm run demo`: an upgrade to look at; needs no display, and leaves nothing behind.
import { main } from "./lib/steps.mjs";
import { runWithTwoVersions } from "./lib/versions.mjs";

await main(() => runWithTwoVersions("demo", []));
