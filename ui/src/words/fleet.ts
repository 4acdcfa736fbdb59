// The machines of the hub in words: how each is, since when one is silent, and how a test went.

import type {
  AgentTest,
  FleetAgent,
  MissedEvents,
  MonitorStatus,
  PollErrorCode,
  Work,
} from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { HOST_METRICS } from "../state/samples.svelte";
import { isBroken, monitorName } from "./monitor";
import { ago, list, milliseconds, sentences } from "./numbers";
import type { Tone } from "./tone";

/** What is watched there, by its names. The machine's own numbers are on its card anyway. */
function watched({ status }: FleetAgent): [string, MonitorStatus][] {
  return Object.entries(status?.monitors ?? {}).filter(([, { type_id }]) => type_id !== HOST_METRICS);
}

/** What is broken there now: of a machine that is silent, nobody knows. */
function broken(agent: FleetAgent): [string, MonitorStatus][] {
  return agent.enabled && agent.online ? watched(agent).filter(([, { state }]) => isBroken(state)) : [];
}

/** So much work is shown on a card; the rest is on the machine's own page. */
const MOST_WORK = 3;

/** The work that goes on there and says how far it is. */
export function running(agent: FleetAgent): { name: string; work: Work }[] {
  const found = watched(agent).flatMap(([name, { work }]) =>
    work?.is_running && work.percent !== null ? [{ name: monitorName(name), work }] : [],
  );
  return found.slice(0, MOST_WORK);
}

/** How a machine is, in a word: that it answers is good news only if what it watches is in order. */
export function agentState(agent: FleetAgent): { tone: Tone; word: string } {
  if (!agent.enabled) return { tone: "quiet", word: t("fleet.paused") };
  if (!agent.online) return { tone: "bad", word: awayWord(agent.error_code) };
  const found = broken(agent);
  if (found.length === 0) return { tone: "ok", word: t("fleet.online") };
  return { tone: found.some(([, { state }]) => state === "error") ? "bad" : "warn", word: t("fleet.unwell") };
}

/** A machine that refuses is another thing than one that is silent. */
function awayWord(code: PollErrorCode | null): string {
  switch (code) {
    case "unauthorized":
      return t("fleet.refuses");
    case "status":
    case "no_agent":
      return t("fleet.answers_badly");
    case "too_old":
      return t("fleet.too_old");
    default:
      return t("fleet.offline");
  }
}

/** Which of its events never came here. */
export function missedPhrase({ first, last, seconds }: MissedEvents): string {
  const when = { ago: ago(seconds * 1000) };
  return first === last
    ? t("fleet.missed_one", { ...when, first: String(first) })
    : t("fleet.missed", { ...when, first: String(first), last: String(last) });
}

/** When it answered last. */
export function seenPhrase({ last_seen_seconds, online, enabled }: FleetAgent): string {
  if (last_seen_seconds === null) return t("fleet.never_seen");
  const when = ago(last_seen_seconds * 1000);
  return online || !enabled ? t("fleet.seen", { ago: when }) : t("fleet.silent", { ago: when });
}

/** Which version runs there, or ran when it was heard last; nothing of one that does not say it. */
export function versionPhrase({ status }: FleetAgent): string {
  return status?.version ? t("fleet.version", { version: status.version }) : "";
}

/** What is broken there, by name, or else how much is in order. */
export function monitorsPhrase(agent: FleetAgent): string {
  const all = watched(agent);
  if (all.length === 0) return agent.status ? t("fleet.no_monitors") : "";
  const names = broken(agent).map(([name]) => monitorName(name));
  if (names.length > 0) return t("fleet.unwell_names", { names: list(names) });
  const ok = all.filter(([, { state }]) => !isBroken(state)).length;
  return t("fleet.monitors_ok", { ok, all: all.length });
}

export function testPhrase({
  error,
  error_code,
  status,
  version,
  known_as,
  milliseconds: ms,
}: AgentTest): string {
  const duration = milliseconds(ms);
  if (error !== null) return t("fleet.test_failed", { reason: pollError(error, error_code), duration });
  const machine = status?.machine ?? "";
  const answered = version
    ? t("fleet.test_ok_version", { machine, version, duration })
    : t("fleet.test_ok", { machine, duration });
  return known_as ? sentences(answered, t("fleet.known_as", { name: known_as })) : answered;
}

/** Why a machine gives no good answer; the code decides, and the text is for what it does not cover. */
export function pollError(error: string, code: PollErrorCode | null): string {
  return code ? t(`poll_error.${code}`) : error;
}
