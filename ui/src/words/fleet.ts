// The machines of the hub in words: since when one is silent, and how a test went.

import type { AgentTest, FleetAgent, PollErrorCode } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { HOST_METRICS } from "../state/samples.svelte";
import { ago, milliseconds, sentences } from "./numbers";

/** When it answered last. */
export function seenPhrase({ last_seen_seconds, online, enabled }: FleetAgent): string {
  if (last_seen_seconds === null) return t("fleet.never_seen");
  const when = ago(last_seen_seconds * 1000);
  return online || !enabled ? t("fleet.seen", { ago: when }) : t("fleet.silent", { ago: when });
}

export function monitorsPhrase({ status }: FleetAgent): string {
  const all = Object.values(status?.monitors ?? {}).filter(({ type_id }) => type_id !== HOST_METRICS);
  if (all.length === 0) return status ? t("fleet.no_monitors") : "";
  const ok = all.filter(({ state }) => state !== "error" && state !== "degraded").length;
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
