// `npm run check:macos`: whether the programs compile for macOS, without a warning. It runs nothing.
import { checkFor, MACOS } from "./lib/cross.mjs";
import { main } from "./lib/steps.mjs";

await main(() => checkFor(MACOS));
