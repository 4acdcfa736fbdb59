// What ends when TaskPaw is quit, in one sentence.

import type { RoleView } from "../generated/ipc";
import { t } from "../locales/language.svelte";

export function stopsPhrase(roles: RoleView[]): string {
  const running = roles.filter(({ state }) => !["stopped", "waiting", "failed"].includes(state.kind));
  const [first, second] = running;
  if (!first) return t("close.nothing_stops");
  return t("close.stops", { roles: t(second ? "close.both" : `close.${first.role}`) });
}
