// `npm run check:windows`: whether the programs compile for Windows, without a warning. It runs nothing.
import { checkFor, WINDOWS } from "./lib/cross.mjs";
import { main } from "./lib/steps.mjs";

await main(() => checkFor(WINDOWS));
