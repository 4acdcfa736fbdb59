// Why the exposure guard refuses an address, in words that belong to a choice and not to a file.

import type { ExposureReason } from "../generated/ipc";
import { t } from "../locales/language.svelte";

export function exposureReason(reason: ExposureReason): string {
  return t(`exposure.${reason}`);
}

/** Whether an address is this machine's alone. It decides about words only: the guard is the host's. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/i.test(host.trim());
}
