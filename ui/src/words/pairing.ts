// What is wrong with a line that was pasted.

import type { IpcError, PairingRefusal } from "../generated/ipc";
import { t } from "../locales/language.svelte";

const known: Record<PairingRefusal, true> = {
  not_a_line: true,
  other_use: true,
  newer: true,
  damaged: true,
  too_long: true,
};

/** Why the line cannot be read; nothing for what is no fault of the line. */
export function pairingProblem(error: IpcError): string | null {
  if (error.code !== "bad_pairing_line") return null;
  const why = typeof error.detail === "string" && error.detail in known ? error.detail : "not_a_line";
  return t(`pairing.why_${why as PairingRefusal}`);
}
