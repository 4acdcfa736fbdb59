// Which language is spoken, and the function that speaks it. Whoever calls `t` follows a change at once.

import i18next, { type TFunction } from "i18next";

import type { Language } from "../generated/ipc";
import { en } from "./en";
import { zhCN } from "./zh-CN";

/** The languages that there are words for. */
export type Spoken = Exclude<Language, "system">;

// The words are in the bundle, so nothing is loaded and the start need not be waited for.
void i18next.init({
  lng: "en",
  fallbackLng: false,
  initAsync: false,
  defaultNS: "words",
  resources: { en: { words: en }, "zh-CN": { words: zhCN } },
  // Svelte escapes what it shows.
  interpolation: { escapeValue: false },
});

let spoken = $state<Spoken>("en");

/** The language that is spoken now. */
export function language(): Spoken {
  return spoken;
}

/** The language for a preference. Which one is the system's, the host decides; until it is heard, the webview has one too. */
export function spokenFor(preference: Language, system: string = navigator.language): Spoken {
  if (preference !== "system") return preference;
  return /^zh\b/i.test(system) ? "zh-CN" : "en";
}

export function speak(next: Spoken): void {
  spoken = next;
  document.documentElement.lang = next;
}

type Speaker = (key: unknown, values: unknown) => string;

const speakers = {
  en: i18next.getFixedT("en"),
  "zh-CN": i18next.getFixedT("zh-CN"),
} as Record<Spoken, unknown> as Record<Spoken, Speaker>;

/** The words for a key. It reads the language, so whoever calls it in a component follows a change. */
export const t = ((key: unknown, values?: unknown) => speakers[spoken](key, values)) as unknown as TFunction;
