// How far work is, in words: since when it goes on, when it may end, and how the last one went.

import type { Work } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { ago, lasting, number } from "./numbers";

/** How much is done, as on a bar: never 100 before it is all. */
export function percentText(percent: number): string {
  return `${number(percent < 100 ? Math.min(99, percent) : 100)}%`;
}

/** What there is to say beside the bar. */
export function workText(work: Work): string {
  if (!work.is_running) return lastText(work);
  const { elapsed_seconds: elapsed, left_seconds: left } = work;
  return [
    elapsed === null ? "" : t("work.so_far", { duration: lasting(elapsed) }),
    left === null ? "" : t("work.left", { duration: leftText(left) }),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** Rounded: nobody knows it better, and a number that moves each second is watched and not read. */
function leftText(seconds: number): string {
  return seconds < 60 ? t("work.under_a_minute") : lasting(Math.ceil(seconds / 60) * 60);
}

function lastText({ last }: Work): string {
  if (!last) return "";
  const when = { ago: ago(last.ended_seconds * 1000) };
  return last.took_seconds === null
    ? t("work.last", when)
    : t("work.last_took", { ...when, duration: lasting(last.took_seconds) });
}
