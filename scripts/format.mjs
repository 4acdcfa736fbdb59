// `npm run format`: brings all sources into their one form. `--check` only says whether they are.
import { parseArgs } from "node:util";
import { main, run } from "./lib/steps.mjs";

await main(async () => {
  const { values } = parseArgs({ options: { check: { type: "boolean" } } });
  await run("cargo", ["fmt", "--all", ...(values.check ? ["--check"] : [])]);
  await run("npx", [
    "prettier",
    values.check ? "--check" : "--write",
    "--log-level",
    "warn",
    "ui",
    "scripts",
    "*.json",
    "eslint.config.js",
  ]);
});
