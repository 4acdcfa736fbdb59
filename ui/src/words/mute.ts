// What is muted, and until when, in words.

import type { Mute, Preferences } from "../generated/ipc";
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

/** Whether there is anything to mute, or to be heard again. */
export function canMute(
  preferences: Preferences | null,
  machine: string,
  monitor: string | null = null,
): boolean {
  if (!preferences) return false;
  return preferences.notifications || muteOf(preferences.muted, machine, monitor) !== null;
}

export function mutedPhrase({ until }: Mute): string {
  return until === null ? t("mute.muted") : t("mute.muted_until", { time: dateTime(until) });
}
