// Being told outside of this machine, in words: what is sent, and what a server answered to it.

import type { AlertTest, WebhookStatus } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { milliseconds, sentences } from "./numbers";

/** How a test went, with what the server said itself. */
export function alertTestText({ outcome, status, said, milliseconds: ms }: AlertTest): string {
  const duration = milliseconds(ms);
  return sentences(
    t(`alert_outcome.${outcome}`),
    ...(said ? [t("alerts.said", { said })] : []),
    status === null ? t("alerts.after", { duration }) : t("alerts.after_status", { status, duration }),
  );
}

/** Why nothing arrives there. */
export function lastFailure({ outcome, error }: WebhookStatus): string | null {
  return outcome ? t(`alert_outcome.${outcome}`) : error;
}
