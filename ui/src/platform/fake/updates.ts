// What a fake host knows of new versions, and what it does when a person asks for one.

import type { Request, UpdateOffer, UpdatesView } from "../../generated/ipc";
import { refusal } from "./host";

export const offer: UpdateOffer = {
  version: "4.2.0",
  notes: {
    en: "- Each machine has a page of its own, with what was kept of seven days.\n- A monitor can be tried before it is saved.\n- The hub asks silent machines less often.",
    "zh-CN":
      "- 每台机器都有自己的页面，显示最近七天的记录。\n- 监测项目可以先试再保存。\n- 汇总端会减少询问无应答的机器。",
  },
  security: false,
  size: 18_874_368,
};

/** It looks each day, and has just found nothing new. */
export function updates(change: Partial<UpdatesView> = {}): UpdatesView {
  return {
    looks: "yes",
    has_feed: true,
    forbidden_by: null,
    checked_at: Date.now() - 300_000,
    way: { kind: "beside_others" },
    state: { kind: "current" },
    is_put_off: false,
    outcome: null,
    changed: null,
    ...change,
  };
}

/** The commands that are about new versions. */
export type UpdateRequest = Extract<
  Request,
  {
    command:
      | "choose_updates"
      | "look_for_update"
      | "download_update"
      | "relaunch_into_update"
      | "put_off_update"
      | "try_update_again"
      | "update_seen";
  }
>;

/** What is known after a person has asked for something; strict, as the host is. */
export function asked(request: UpdateRequest, before: UpdatesView): UpdatesView {
  const { state } = before;
  const mayAsk = before.has_feed && before.forbidden_by === null;
  const unsupported = refusal("unsupported", "nothing is looked for here");
  const nothing = refusal("bad_request", "there is nothing of that kind now");
  switch (request.command) {
    case "choose_updates":
      if (!mayAsk) throw unsupported;
      return { ...before, looks: request.look ? "yes" : "no" };
    case "look_for_update":
      if (!mayAsk) throw unsupported;
      return { ...before, state: { kind: "current" }, checked_at: Date.now() };
    case "download_update":
      if (state.kind !== "offered" && state.kind !== "paused") throw nothing;
      return { ...before, state: { kind: "downloading", offer: state.offer, received: 0 } };
    case "relaunch_into_update":
      if (state.kind !== "ready") throw nothing;
      return { ...before, state: { kind: "relaunching", version: state.offer.version } };
    case "put_off_update":
      return { ...before, is_put_off: true };
    case "try_update_again":
      if (state.kind !== "failed_before") throw nothing;
      return { ...before, state: { kind: "ready", offer: state.offer }, outcome: null };
    case "update_seen":
      return { ...before, outcome: null };
  }
}
