// Whether everything that is watched is all right, in a word; and each thing that is not.

import type { Snapshot, Trouble, TroubleState } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { monitorName } from "./monitor";
import { lasting } from "./numbers";
import type { Tone } from "./tone";

export const troubleTone: Record<TroubleState, Tone> = { offline: "bad", error: "bad", degraded: "warn" };

/** What is not as it should be, on this machine and on the others. */
export function troublesOf(snapshot: Snapshot): Trouble[] {
  return snapshot.roles.flatMap(({ enabled, watched }) => (enabled ? (watched?.troubles ?? []) : []));
}

/** How many need attention. */
export function attention(count: number): string {
  return count === 1 ? t("health.attention_one") : t("health.attention_many", { count: String(count) });
}

export function healthWord(snapshot: Snapshot): { tone: Tone; word: string } {
  const { health } = snapshot;
  switch (health.kind) {
    case "all_well":
      return { tone: "ok", word: t("health.all_well", { total: String(health.total) }) };
    case "attention": {
      const isBad = troublesOf(snapshot).some(({ state }) => troubleTone[state] === "bad");
      return { tone: isBad ? "bad" : "warn", word: attention(health.broken) };
    }
    case "not_watched":
      return { tone: "quiet", word: t("health.not_watched") };
    case "unknown":
      return { tone: "quiet", word: t("health.unknown") };
  }
}

export function troubleState(state: TroubleState): string {
  return state === "offline" ? t("fleet.offline") : t(`monitor_state.${state}`);
}

export function troubleName({ machine, monitor }: Trouble): string {
  return monitor === null ? (machine ?? "") : monitorName(monitor);
}

/** Where it is, if that is not its name, and since when it is so. */
export function troubleText({ machine, monitor, since }: Trouble, now: number): string {
  const where = monitor === null ? "" : (machine ?? t("health.here"));
  const duration = since === null ? "" : lastingPhrase((now - since) / 1000);
  return [where, duration].filter(Boolean).join(" · ");
}

/** How long a state lasts: nothing that changes each second, since nothing beside it shall move. */
export function lastingPhrase(seconds: number): string {
  return seconds < 60 ? t("duration.just_now") : t("monitor.lasts", { duration: lasting(seconds) });
}
