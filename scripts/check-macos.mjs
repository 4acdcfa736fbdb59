// `npm run check:macos`: whether the programs compile for macOS, without a warning. It runs nothing.
import { checkFor } from "./lib/cross.mjs";
import { main } from "./lib/steps.mjs";

await main(() => checkFor("aarch64-apple-darwin"));
