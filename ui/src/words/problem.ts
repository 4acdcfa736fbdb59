// What is wrong with the configuration, as a sentence made from its kind and never from its text.

import type { ConfigProblem, IpcError } from "../generated/ipc";
import { t } from "../locales/language.svelte";

export function problemSentence(problem: ConfigProblem): string {
  switch (problem.kind) {
    case "exposure":
      return t(`problem.exposure_${problem.reason}`, { key: problem.key, address: problem.address });
    default:
      return t(`problem.${problem.kind}`, { ...problem });
  }
}

/** What the system or the reader of the file said, which is always English. */
export function problemReason(problem: ConfigProblem): string | null {
  switch (problem.kind) {
    case "unreadable":
    case "unwritable":
      // The number says nothing to a person that the words do not.
      return t("problem.system_says", { reason: problem.reason.replace(/ \(os error \d+\)/, "") });
    case "syntax":
    case "value":
      return t("problem.reader_says", { reason: problem.reason });
    default:
      return null;
  }
}

/** Where it is: the facts to look for in the file. */
export function problemPlace(problem: ConfigProblem): { label: string; value: string }[] {
  switch (problem.kind) {
    case "syntax":
      return [
        { label: t("problem.file"), value: problem.path },
        { label: t("problem.line"), value: String(problem.line) },
        { label: t("problem.column"), value: String(problem.column) },
      ];
    case "unreadable":
    case "no_last_good":
    case "unwritable":
      return [{ label: t("problem.file"), value: problem.path }];
    case "value":
    case "port_range":
    case "not_an_address":
    case "exposure":
      return [{ label: t("problem.key"), value: problem.key }];
    case "too_new":
      return [];
  }
}

const kinds: Record<ConfigProblem["kind"], true> = {
  unreadable: true,
  syntax: true,
  value: true,
  port_range: true,
  not_an_address: true,
  exposure: true,
  too_new: true,
  no_last_good: true,
  unwritable: true,
};

/** The problem that an error carries, if it carries one. */
export function problemOf(error: IpcError): ConfigProblem | null {
  const { code, detail } = error;
  if (code !== "config" || typeof detail !== "object" || detail === null || !("kind" in detail)) return null;
  return typeof detail.kind === "string" && detail.kind in kinds ? (detail as ConfigProblem) : null;
}
