// A change of ports in words: the steps that were taken, how each came out, and what came of it all.

import type { Apply, ApplyStep, Role, RoleState, RoleView } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { failureWords } from "./failure";
import { sentences } from "./numbers";
import { address, portName, portPhrase, holdsUp } from "./ports";
import type { Tone } from "./tone";

const forward = ["checking", "saving", "stopping", "starting", "confirming"] as const;

/** A step on the way to the new ports. */
export type ForwardStep = (typeof forward)[number];

export interface StepView {
  step: ForwardStep | "rolling_back";
  state: "done" | "doing" | "pending" | "failed" | "undone";
}

export function isForward(step: ApplyStep): step is ForwardStep {
  return (forward as readonly ApplyStep[]).includes(step);
}

/**
 * The steps with how each came out: all that are planned while it goes forward, and those that were taken once it has
 * ended or goes back. How far it came before that is known to whoever listened, and is nothing for a window that did not.
 */
export function applySteps(
  { step, reason }: Apply,
  reached: ForwardStep | null,
  role: RoleState["kind"],
): StepView[] {
  if (step === "refused") return [{ step: "checking", state: "failed" }];
  if (step === "kept") {
    // A role that does not run is neither stopped nor started for this.
    const taken = reached === "saving" ? forward.slice(0, 2) : forward;
    return taken.map((each) => ({ step: each, state: "done" }));
  }
  if (step === "rolling_back" || step === "rolled_back") {
    const isBack = step === "rolled_back";
    const at = forward.indexOf(reached ?? "saving");
    const taken = forward.slice(0, at + 1).map((each, index): StepView => {
      if (index === at && reached && reason) return { step: each, state: "failed" };
      // Nothing was changed by looking, and a role is no longer stopped only once it runs again.
      const isUndone = isBack && each !== "checking" && (each !== "stopping" || role === "ready");
      return { step: each, state: isUndone ? "undone" : "done" };
    });
    return [...taken, { step: "rolling_back", state: isBack ? stateOfReturn(role) : "doing" }];
  }
  const at = forward.indexOf(step);
  return forward.map((each, index) => ({
    step: each,
    state: index < at ? "done" : index === at ? "doing" : "pending",
  }));
}

/** The old ports are set again; whether the role runs on them is the role's own matter, and part of the truth. */
function stateOfReturn(role: RoleState["kind"]): StepView["state"] {
  switch (role) {
    case "ready":
    case "stopped":
    case "stopping":
      return "done";
    case "failed":
      return "failed";
    default:
      return "doing";
  }
}

const ends: readonly ApplyStep[] = ["refused", "kept", "rolled_back"];

export function isEnd({ step }: Apply): boolean {
  return ends.includes(step);
}

export interface End {
  tone: Tone;
  text: string;
  /** Why, port by port or in one sentence. */
  reasons: string[];
}

export function applyEnd(
  apply: Apply,
  { role, state }: RoleView,
  version: string,
  isAddressAlone = false,
): End | null {
  const name = t(`role.${role}`);
  const { step, keep } = apply;
  switch (step) {
    case "kept": {
      const runs = state.kind === "ready" ? "kept" : "kept_idle";
      if (isAddressAlone)
        return { tone: "ok", text: t(`apply.${runs}_address`, { role: name }), reasons: [] };
      return { tone: "ok", text: t(`apply.${runs}${keep ? "" : "_for_now"}`, { role: name }), reasons: [] };
    }
    case "refused":
      return { tone: "bad", text: t("apply.refused"), reasons: reasonsOf(apply, role, version) };
    case "rolling_back":
      return { tone: "warn", text: t("apply.failed"), reasons: reasonsOf(apply, role, version) };
    case "rolled_back": {
      const page = t(role === "agent" ? "page.this-machine" : "page.fleet");
      const text = t(`apply.${returned(state.kind)}`, { role: name, page });
      return { tone: "bad", text, reasons: reasonsOf(apply, role, version) };
    }
    default:
      return null;
  }
}

/** Everything is as it was before only once the role runs again. */
function returned(role: RoleState["kind"]) {
  switch (role) {
    case "ready":
      return "rolled_back";
    case "stopped":
    case "stopping":
      return "rolled_back_stopped";
    case "failed":
      return "rolled_back_failed";
    default:
      return "rolled_back_waiting";
  }
}

function reasonsOf({ reason, ports }: Apply, role: Role, version: string): string[] {
  const refused = ports.filter(holdsUp).map((port) =>
    t("timeline.conflict", {
      name: portName(port.name),
      address: address(port),
      state: portPhrase(port, role),
    }),
  );
  if (refused.length > 0 || !reason) return refused;
  const { title, text } = failureWords(reason, version);
  return [sentences(t("apply.reason", { reason: title }), text).trim()];
}
