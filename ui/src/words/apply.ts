// A change of ports in words: the steps that it takes, and what came of it.

import type { Apply, ApplyStep, Role } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { failureWords } from "./failure";
import { sentences } from "./numbers";
import { address, portName, portPhrase, refuses } from "./ports";
import type { Tone } from "./tone";

const forward = ["checking", "saving", "stopping", "starting", "confirming"] as const;

export interface StepView {
  step: (typeof forward)[number] | "rolling_back";
  state: "done" | "doing" | "pending";
}

/** The steps with how far each is. What is undone is one step of its own. */
export function applySteps({ step }: Apply): StepView[] {
  if (step === "kept") return forward.map((each) => ({ step: each, state: "done" }));
  if (step === "refused") return [{ step: "checking", state: "done" }];
  if (step === "rolling_back" || step === "rolled_back") {
    return [
      { step: "checking", state: "done" },
      { step: "rolling_back", state: step === "rolling_back" ? "doing" : "done" },
    ];
  }
  const at = forward.findIndex((each) => each === step);
  return forward.map((each, index) => ({
    step: each,
    state: index < at ? "done" : index === at ? "doing" : "pending",
  }));
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

export function applyEnd(apply: Apply, role: Role, version: string): End | null {
  const name = t(`role.${role}`);
  const { step } = apply;
  if (step === "kept") {
    return {
      tone: "ok",
      text: t(apply.keep ? "apply.kept" : "apply.kept_for_now", { role: name }),
      reasons: [],
    };
  }
  if (step !== "refused" && step !== "rolled_back" && step !== "rolling_back") return null;
  const tone = step === "rolling_back" ? "warn" : "bad";
  const text = step === "rolling_back" ? t("apply.failed") : t(`apply.${step}`, { role: name });
  return { tone, text, reasons: reasonsOf(apply, role, version) };
}

function reasonsOf({ reason, ports }: Apply, role: Role, version: string): string[] {
  const refused = ports.filter(refuses).map((port) =>
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
