// What was taken over from TaskPaw 3, and why something was not, as sentences made from the kinds.

import type { ImportReport, NotTaken, NotTakenReason } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { exposureReason } from "./exposure";
import { list, number } from "./numbers";

/** So many keys are named in one sentence. */
const named = 6;

/** Everything that was taken, in one sentence; nothing if there is nothing. */
export function takenSentence({ taken }: ImportReport): string | null {
  const monitors = taken.filter(({ monitor }) => monitor !== null).length;
  const keys = new Set(taken.filter(({ monitor }) => monitor === null).map(({ key }) => key));
  const what = [...keys];
  if (monitors > 0)
    what.push(t(monitors === 1 ? "import.a_monitor" : "import.monitors", { number: number(monitors) }));
  return what.length === 0 ? null : t("import.taken", { what: list(what) });
}

/** What was not taken, in one sentence; nothing if everything was. */
export function notTakenSentence({ not_taken, left_out }: ImportReport): string | null {
  const all = [...new Set(not_taken.map(shortPlace))];
  const shown = all.slice(0, named);
  const more = all.length - shown.length + left_out;
  if (more > 0) shown.push(t("import.more", { number: number(more) }));
  return shown.length === 0 ? null : t("import.not_taken", { what: list(shown) });
}

/** A monitor is known by its name, a setting by its key, and a file that has none of it by its own name. */
function shortPlace({ file, key, monitor }: NotTaken): string {
  return monitor ?? (key || file);
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
  return reason.kind === "exposure"
    ? exposureReason(reason.reason)
    : t(`import.why_${reason.kind}`, { ...reason });
}
