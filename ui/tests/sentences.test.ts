// Every sentence of the window, the tray and the notifications in both languages, in one file that people can read; and a word and an
// icon for each state that there is. After a change of words: npx vitest run --config ui/vite.config.ts -u ui/tests/sentences.test.ts

import { describe, expect, it } from "vitest";

import type { EventLevel, FieldFault } from "../src/generated/ipc";
import { en } from "../src/locales/en";
import { speak } from "../src/locales/language.svelte";
import { zhCN } from "../src/locales/zh-CN";
import { faultText } from "../src/words/form";
import { troubleTone } from "../src/words/health";
import { levelTone, monitorTone } from "../src/words/tone";

const sources = import.meta.glob<string>(["../src/generated/ipc.ts", "../src/components/Icon.svelte"], {
  query: "?raw",
  import: "default",
  eager: true,
});
const generated = sources["../src/generated/ipc.ts"] ?? "";
const icon = sources["../src/components/Icon.svelte"] ?? "";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === "string" ? [[prefix + key, value]] : flat(value, `${prefix}${key}.`),
  );
}

/** The words of a union of texts that the host declares, or the kinds of a union of objects. */
function wordsOf(type: string): string[] {
  const declared = new RegExp(`export type ${type} = ([^;]*?);\\n`, "s").exec(generated)?.[1] ?? "";
  const kinds = [...declared.matchAll(/"kind": "(\w+)"/g)];
  const found = kinds.length > 0 ? kinds : [...declared.matchAll(/"(\w+)"/g)];
  return found.map(([, word]) => word ?? "");
}

describe("sentences", () => {
  it("are what they were, in both languages (a change of words: run with -u)", async () => {
    const chinese = new Map(flat(zhCN));
    const all = flat(en).map(([key, text]) => `${key}\n  ${text}\n  ${chinese.get(key) ?? ""}\n`);
    await expect(all.join("")).toMatchFileSnapshot("__snapshots__/sentences.txt");
  });
});

describe("states", () => {
  it.each([
    ["MonitorState", en.monitor_state],
    ["PollErrorCode", en.poll_error],
    ["AlertOutcome", en.alert_outcome],
    [
      "EventLevel",
      {
        info: en.events.level_info,
        warn: en.events.level_warn,
        alert: en.events.level_alert,
        done: en.events.level_done,
      },
    ],
  ] as [string, Tree][])("%s has a word for each of its states", (type, words) => {
    const states = wordsOf(type);
    expect(states.length).toBeGreaterThan(2);
    expect(states.filter((state) => !(state in words))).toEqual([]);
  });

  it.each(["en", "zh-CN"] as const)("has words in %s for each fault of a field", (language) => {
    speak(language);
    const kinds = wordsOf("FieldFault");
    expect(kinds.length).toBeGreaterThan(15);
    const said = kinds.map((kind) =>
      faultText({ kind, most: 9, least: "1", words: ["a"] } as unknown as FieldFault),
    );
    expect(said.filter((text) => text.startsWith("form.") || text.includes("{{") || !text)).toEqual([]);
    speak("en");
  });

  it("has a tone for each state that is shown with an icon, and an icon for each tone", () => {
    expect(wordsOf("MonitorState").filter((state) => !(state in monitorTone))).toEqual([]);
    expect(wordsOf("TroubleState").filter((state) => !(state in troubleTone))).toEqual([]);
    const levels = wordsOf("EventLevel").map((level) => levelTone(level as EventLevel));
    expect(new Set(levels).size).toBe(levels.length);
    const tones = [...Object.values(monitorTone), ...Object.values(troubleTone), ...levels];
    expect(tones.filter((tone) => !icon.includes(` ${tone}: "M`))).toEqual([]);
  });
});
