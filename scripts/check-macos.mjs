// `npm run check:macos`: whether the programs compile for macOS, without a warning. It runs nothing.
//
// With `--intel`, what is near the system for machines with an Intel processor.
import { checkFor, MACOS, MACOS_INTEL } from "./lib/cross.mjs";
import { main } from "./lib/steps.mjs";

await main(() => checkFor(process.argv.includes("--intel") ? MACOS_INTEL : MACOS));
