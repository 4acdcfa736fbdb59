// `npm run generate`: writes the files that are made from others and committed.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { licencesFile } from "./lib/licences.mjs";
import { main, output, ROOT, say, StepError } from "./lib/steps.mjs";

await main(() => {
  const types = output("cargo", [
    "run",
    "--quiet",
    "--locked",
    "-p",
    "taskpaw-contract",
    "--example",
    "typescript",
  ]);
  if (types === undefined) {
    throw new StepError("the types cannot be made: `cargo build -p taskpaw-contract --examples` says why");
  }
  writeFileSync(join(ROOT, "ui", "src", "generated", "ipc.ts"), `${types}\n`);
  say("ui/src/generated/ipc.ts is current");
  writeFileSync(join(ROOT, "ui", "src", "generated", "licences.ts"), licencesFile());
  say("ui/src/generated/licences.ts is current");
});
