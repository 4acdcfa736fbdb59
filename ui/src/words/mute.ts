// What is muted, and until when, in words.

import type { Mute } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { dateTime } from "./numbers";

/** What keeps something quiet now; nothing if it is heard. */
export function muteOf(
  muted: Mute[],
  machine: string,
  monitor: string | null,
  now = Date.now(),
): Mute | null {
  const isIt = (mute: Mute) =>
    mute.machine === machine &&
    (mute.monitor ?? null) === monitor &&
    (mute.until === null || mute.until > now);
  return muted.find(isIt) ?? null;
}

export function mutedPhrase({ until }: Mute): string {
  return until === null ? t("mute.muted") : t("mute.muted_until", { time: dateTime(until) });
}
