// `npm run build`: release builds of the three programs.
// `npm run build -- --version 4.0.1 --out DIR`: the three programs of another version in DIR, for upgrade tests.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildPrograms, copyAsVersion, ensureNodeModules, PROGRAMS, RELEASE } from "./lib/programs.mjs";
import { main, say, StepError } from "./lib/steps.mjs";
import { ensureSystem } from "./lib/system.mjs";

await main(async () => {
  const { values } = parseArgs({ options: { version: { type: "string" }, out: { type: "string" } } });
  if ((values.version === undefined) !== (values.out === undefined)) {
    throw new StepError("--version and --out go together: npm run build -- --version 4.0.1 --out DIR");
  }
  await ensureSystem();
  await ensureNodeModules();
  await buildPrograms();
  if (values.out === undefined) {
    say(`built ${PROGRAMS.join(", ")} in ${RELEASE}`);
  } else {
    const folder = resolve(process.env.INIT_CWD ?? ".", values.out);
    copyAsVersion(values.version, folder);
    say(`built ${PROGRAMS.join(", ")} as version ${values.version} in ${folder}`);
  }
});
