// What an agent has said in English, in the language that is spoken. Agents of every version and of every machine of a fleet say why
// something is broken in sentences, most of them fixed and with a value or two: those are known here. What is not known stays as it is.

import { en } from "../locales/en";
import { language, t } from "../locales/language.svelte";
import { lasting } from "./numbers";

type Key = keyof typeof en.said;

/** A sentence, and what its values are called. */
interface Form {
  key: Key;
  pattern: RegExp;
  names: string[];
}

/** A cause in a cause, and no deeper. */
const DEEPEST = 3;
/** No agent says more of a monitor. */
const LONGEST = 2_000;

/** Which values a sentence has is known only when it is found. */
const say = t as (key: `said.${Key}`, values: Record<string, string>) => string;

let made: Form[] | null = null;

/** Those with more fixed words first: of two that fit, it is the more exact one. */
function forms(): Form[] {
  made ??= (Object.entries(en.said) as [Key, string][])
    .map(([key, text]) => ({
      key,
      names: [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = ""]) => name),
      pattern: new RegExp(
        `^${text
          .split(/\{\{\w+\}\}/)
          .map(literal)
          .join("(.+)")}$`,
        "s",
      ),
      fixed: text.replaceAll(/\{\{\w+\}\}/g, "").length,
    }))
    .sort((one, other) => other.fixed - one.fixed);
  return made;
}

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A detail of a monitor, or a message of an event, that an agent has written. */
export function saidByAgent(text: string, depth = 0): string {
  if (language() === "en" || depth > DEEPEST || text.length > LONGEST) return text;
  for (const { key, pattern, names } of forms()) {
    const found = pattern.exec(text);
    if (!found) continue;
    const values = Object.fromEntries(
      names.map((name, at) => [name, saidByAgent(found[at + 1] ?? "", depth + 1)]),
    );
    return say(`said.${key}`, values);
  }
  const seconds = secondsOf(text);
  if (seconds !== null) return lasting(seconds);
  // What is before a colon, or the cause behind it, may be known by itself.
  const colon = text.lastIndexOf(": ");
  if (colon < 0) return text;
  const parts = [text.slice(0, colon), text.slice(colon + 2)];
  const said = parts.map((part) => saidByAgent(part, depth + 1));
  return said.some((part, at) => part !== parts[at]) ? said.join("：") : text;
}

/** A duration as an agent writes it, such as `1 d 7 h`. */
function secondsOf(text: string): number | null {
  if (!/^\d+ (d|h|min|s)( \d+ (h|min|s))?$/.test(text)) return null;
  const units: Record<string, number> = { d: 86_400, h: 3_600, min: 60, s: 1 };
  return [...text.matchAll(/(\d+) (\w+)/g)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (units[unit] ?? 0),
    0,
  );
}
