// What a start did, step by step, in words. A step that a later one sums up is left out.

import type { PortsFrom, Replaced, RoleView, TimelineEntry, TookOver } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { failureTitle } from "./failure";
import { list, milliseconds, seconds } from "./numbers";
import { address, portName, portPhrase, holdsUp } from "./ports";
import type { Tone } from "./tone";

export interface Step {
  at: number;
  text: string;
  tone: Tone;
}

export function steps(role: RoleView): Step[] {
  const finished = role.timeline.some(({ event }) => event.type === "reclaim_finished");
  return role.timeline.flatMap((entry) => {
    // While it goes on, each process is worth a line; afterwards the result says it all.
    if (finished && entry.event.type === "reclaim_progress") return [];
    return stepsOf(entry, role);
  });
}

/** What a start that went well comes down to: what it replaced, what is odd about that, and how quickly it was ready. */
export function outcome(role: RoleView): string[] {
  return role.timeline.flatMap(({ event }) => {
    if (event.type === "reclaim_finished")
      return event.replaced.flatMap((replaced) => [replacedPhrase(replaced), ...oddities(replaced)]);
    if (event.type === "backend_ready")
      return [t("timeline.ready", { duration: milliseconds(event.backend.ready_ms) })];
    return [];
  });
}

function stepsOf({ at, event }: TimelineEntry, role: RoleView): Step[] {
  const step = (text: string, tone: Tone = "quiet"): Step[] => [{ at, text, tone }];
  switch (event.type) {
    case "takeover_started": {
      const ports = list(event.ports.map(address));
      return step(ports ? t("timeline.looked", { ports }) : t("timeline.looked_no_ports"));
    }
    case "reclaim_started":
      return step(t("timeline.reclaim", { pids: list(event.pids.map((pid) => t("timeline.pid", { pid }))) }));
    case "reclaim_progress":
      return step(t(`timeline.stage_${event.stage}`, { pid: event.pid }));
    case "reclaim_finished":
      if (event.replaced.length === 0) return step(t("timeline.nothing_replaced"));
      return event.replaced.flatMap((replaced) => [
        { at, text: replacedPhrase(replaced), tone: "quiet" as const },
        ...oddities(replaced).map((text) => ({ at, text, tone: "warn" as const })),
      ]);
    case "port_conflict":
      return event.ports.filter(holdsUp).map((port) => ({
        at,
        text: t("timeline.conflict", {
          name: portName(port.name),
          address: address(port),
          state: portPhrase(port, role.role),
        }),
        tone: "bad",
      }));
    case "lingering_wait":
      return step(t("timeline.lingering", { duration: seconds(event.seconds_left * 1000) }));
    case "backend_starting":
      return step(t("timeline.starting"));
    case "backend_ready":
      return step(t("timeline.ready", { duration: milliseconds(event.backend.ready_ms) }), "ok");
    case "backend_waiting":
      return step(t("timeline.waiting", { reason: failureTitle(event.failure) }), "warn");
    case "backend_failed":
      return step(t("timeline.failed", { reason: failureTitle(event.failure) }), "bad");
    case "backend_backoff":
      return step(
        t("timeline.backoff", { attempt: event.attempt, reason: failureTitle(event.failure) }),
        "warn",
      );
    case "backend_stopping":
      return step(t("timeline.stopping"));
    case "backend_stood_down":
      return step(t("timeline.stood_down"));
    case "backend_exited":
      return step(t("timeline.exited", { status: event.status }));
    case "app_changed":
    case "apply_progress":
    case "close_answered":
    case "event_chosen":
    case "close_requested":
    case "config_changed":
    case "handover_failed":
    case "handover_finished":
    case "handover_started":
    case "launch_changed":
    case "other_started":
    case "update_installed":
      return [];
  }
}

/** How this app, whose version is its own, took the place of another one; and that it was a newer one. */
export function tookOverPhrase({ version, pid, forced, ms }: TookOver, own: string): string {
  const replaced = replacedPhrase({ name: t("app.name"), version, pid, forced, ms });
  return version !== null && isOlder(own, version)
    ? t("timeline.downgraded", { replaced, own, version })
    : replaced;
}

/** Which way a role's ports came from the app before: passed on, or let go and taken over, and why. */
export function portsPhrases({ ports }: TookOver, role: PortsFrom["role"]): string[] {
  return (ports ?? []).filter((from) => from.role === role).map(({ way }) => t(`timeline.ports_${way}`));
}

/** That another version had the place of this app; nothing if it was the same one, or did not say which. */
export function changedVersion(
  { version, forced, ms }: TookOver,
  own: string,
): { title: string; text: string } | null {
  if (version === null || version === own) return null;
  const title = isOlder(own, version)
    ? t("app.went_back", { version: own })
    : t("app.updated", { version: own });
  const duration = milliseconds(ms);
  const text = forced
    ? t("app.updated_forced", { version, duration })
    : t("app.updated_text", { version, duration });
  return { title, text };
}

function isOlder(one: string, other: string): boolean {
  const numbers = (version: string) => version.split(/[-+]/, 1)[0]!.split(".").map(Number);
  const [a, b] = [numbers(one), numbers(other)];
  const at = a.findIndex((number, index) => number !== b[index]);
  return at !== -1 && a[at]! < (b[at] ?? 0);
}

/** What a person should know of one that was ended. */
function oddities(replaced: Replaced): string[] {
  return replaced.left.length > 0 ? [leftPhrase(replaced)] : [];
}

/** What one that was ended had started and left running. */
function leftPhrase({ name, left }: Replaced): string {
  return t("timeline.left", {
    name,
    left: list(left.map(({ name, pid }) => t("holder.named", { name, pid }))),
  });
}

export function replacedPhrase({ name, version, pid, forced, ms }: Omit<Replaced, "left">): string {
  const duration = milliseconds(ms);
  if (version === null) {
    return forced
      ? t("timeline.replaced_forced_no_version", { name, pid, duration })
      : t("timeline.replaced_no_version", { name, pid, duration });
  }
  return forced
    ? t("timeline.replaced_forced", { name, version, pid, duration })
    : t("timeline.replaced", { name, version, pid, duration });
}
