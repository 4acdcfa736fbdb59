// What was taken over from TaskPaw 3, and why something was not, as sentences made from the kinds.

import type { ImportReport, LeftBehind, NotTaken, NotTakenReason } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { exposureReason } from "./exposure";
import { list, number } from "./numbers";

/** So many keys are named in one sentence. */
const named = 6;

/** Everything that was taken, in one sentence; nothing if there is nothing. */
export function takenSentence({ taken }: ImportReport): string | null {
  const machines = taken.filter((one) => one.monitor !== null && one.file === "hub.db").length;
  const monitors = taken.filter(({ monitor }) => monitor !== null).length - machines;
  const keys = new Set(taken.filter(({ monitor }) => monitor === null).map(({ key }) => settingOf(key)));
  const what = [...keys];
  if (monitors > 0)
    what.push(t(monitors === 1 ? "import.a_monitor" : "import.monitors", { number: number(monitors) }));
  if (machines > 0)
    what.push(t(machines === 1 ? "import.a_machine" : "import.machines", { number: number(machines) }));
  return what.length === 0 ? null : t("import.taken", { what: list(what) });
}

/** What was not taken, in one sentence, what is lost first; nothing if everything was. */
export function notTakenSentence(report: ImportReport): string | null {
  const all = [...new Set(report.not_taken.filter((one) => !isPart(report, one)).map(shortPlace))];
  const shown = all.slice(0, named);
  const more = all.length - shown.length + report.left_out;
  if (more > 0) shown.push(t("import.more", { number: number(more) }));
  return shown.length === 0 ? null : t("import.not_taken", { what: list(shown) });
}

/** Monitors that were taken without some of their settings, in one sentence. */
export function partlySentence(report: ImportReport): string | null {
  const all = [...new Set(report.not_taken.filter((one) => isPart(report, one)).map(shortPlace))];
  const shown = all.slice(0, named);
  if (all.length > shown.length) shown.push(t("import.more", { number: number(all.length - shown.length) }));
  return shown.length === 0 ? null : t("import.partly", { what: list(shown) });
}

/** Everything that the notice says, what is lost first. */
export function sentences(report: ImportReport): string[] {
  const kinds = report.not_taken.flatMap(({ reason }) =>
    reason.kind === "unknown_monitor" ? [reason.type_id] : [],
  );
  const newToken = report.not_taken.some(({ reason }) => reason.kind === "token_replaced");
  return [
    notTakenSentence(report),
    ...[...new Set(kinds)].map(insteadOf),
    partlySentence(report),
    takenSentence(report),
    newToken ? t("import.new_token") : null,
    report.database === "pending" ? t("import.database_pending") : null,
  ].filter((one) => one !== null);
}

/** What an earlier version has left behind, in one sentence. */
export function leftBehindSentence({ folder, kinds }: LeftBehind): string {
  return t("import.left", { folder, what: list(kinds.map((kind) => t(`import.left_${kind}`))) });
}

/** A setting of a monitor that was taken without it. */
function isPart({ taken }: ImportReport, { monitor }: NotTaken): boolean {
  return monitor !== null && taken.some((one) => one.monitor === monitor);
}

/** A monitor is known by its name, a setting by what people call it, and a file that has none of it by its own name. */
function shortPlace({ file, key, monitor }: NotTaken): string {
  return monitor ?? (key ? settingOf(key) : file === "folder" ? t("import.the_folder") : file);
}

const settings = {
  server_id: "id",
  machine: "machine",
  api_token: "token",
  polling_token: "polling_token",
  bind_host: "address",
  bind_port: "port",
  control_host: "control_address",
  control_port: "control_port",
  host_metrics: "metrics",
  poll_interval: "interval",
  status_log_retention_days: "retention",
  data_dir: "data_folder",
  write_status_md: "status_file",
  self_monitor: "itself",
  openclaw_enabled: "webhook",
  openclaw_url: "webhook",
  openclaw_token: "webhook",
  delivery_outbox: "undelivered",
} as const;

/** What people call a setting of TaskPaw 3; one that nobody knows is called as its file has it. */
function settingOf(key: string): string {
  return key in settings ? t(`import.setting_${settings[key as keyof typeof settings]}`) : key;
}

const instead = ["lada", "jasna", "avsubs", "jellyfin"] as const;

/** What watches the same as a kind of monitor that only TaskPaw 3 has; nothing if nothing does. */
export function insteadOf(typeId: string): string | null {
  const known = instead.find((one) => one === typeId);
  return known === undefined ? null : t(`import.instead_${known}`);
}

/** Where it stands, to look for it in the file. */
export function placeOf({
  file,
  key,
  monitor,
}: {
  file: string;
  key: string;
  monitor: string | null;
}): string {
  return [file, key, monitor && `(${monitor})`].filter(Boolean).join(" ");
}

export function whyNot(reason: NotTakenReason): string {
  if (reason.kind === "unknown_monitor") {
    const why = t("import.why_unknown_monitor", { ...reason });
    return [why, insteadOf(reason.type_id)].filter((one) => one !== null).join(" ");
  }
  return reason.kind === "exposure"
    ? exposureReason(reason.reason)
    : t(`import.why_${reason.kind}`, { ...reason });
}
