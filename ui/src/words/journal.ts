// A record of the takeover journal in words: what was decided, what was done to whom, and how it ended.

import type { RecordedHolder, RecordedPort, TakeoverRecord } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { list, milliseconds } from "./numbers";
import { address, portName } from "./ports";
import type { Tone } from "./tone";

/** Whether a process was ended, of its own accord or by force. */
function ended(holder: RecordedHolder): holder is RecordedHolder & { ms: number } {
  return holder.done === "graceful" || holder.done === "forced";
}

export function journalTone({ outcome, holders }: TakeoverRecord): Tone {
  if (outcome !== "ready") return "bad";
  return holders.some(({ done }) => done === "forced") ? "warn" : "ok";
}

/** The states in which nobody has the port, and still it cannot be had. */
const unusable: ReadonlySet<RecordedPort["state"]> = new Set<RecordedPort["state"]>([
  "reserved",
  "permission_denied",
  "address_unavailable",
  "self_collision",
]);

/** One sentence for the list. */
export function journalTitle({ outcome, decision, ports, holders, way }: TakeoverRecord): string {
  if (outcome === "refused" && ports.some(({ state }) => unusable.has(state)))
    return t("journal.refused_unusable");
  if (outcome !== "ready") return t(`journal.${outcome}`);
  if (way) return t(`journal.way_${way}`);
  const gone = holders.filter((holder) => ended(holder) || holder.done === "already_gone");
  if (gone.length > 0) return t("journal.replaced", { names: list(gone.map(holderOf)) });
  return t(decision === "wait" ? "journal.waited" : "journal.free");
}

export function holderOf({ name, pid }: RecordedHolder): string {
  return name ? t("holder.named", { name, pid }) : t("holder.unnamed", { pid });
}

export function holderLine(holder: RecordedHolder): string {
  const judged = t(`journal.judged_${holder.judged}`);
  const done = ended(holder)
    ? t(`journal.done_${holder.done}`, { duration: milliseconds(holder.ms) })
    : t(`journal.done_${holder.done}`);
  return [holderOf(holder), judged, done].join(" · ");
}

/** What ended with a holder: what it had started, and what only its memory held. */
export function endedWith({ children, lost }: RecordedHolder): string[] {
  const named = (left: boolean) =>
    (children ?? []).filter((child) => child.left === left).map((it) => t("holder.named", { ...it }));
  const lines = [];
  if (named(false).length > 0) lines.push(t("journal.children_ended", { children: list(named(false)) }));
  if (named(true).length > 0) lines.push(t("journal.children_left", { children: list(named(true)) }));
  if (lost) lines.push(t("journal.lost", { reason: lost }));
  return lines;
}

export function portLine(port: RecordedPort): string {
  const state = port.state
    ? t(`port.${port.state === "own_other_role" ? "other_role" : port.state}`)
    : t("port.unchecked");
  return t("timeline.conflict", { name: portName(port.name), address: address(port), state });
}
