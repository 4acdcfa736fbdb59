// What is wrong with the address of a webhook or of a topic, before anybody is asked.

import type { AlertTarget } from "../generated/ipc";

export type AlertUrlProblem = "missing" | "invalid" | "no_topic";

export function alertUrlProblem(target: AlertTarget, typed: string): AlertUrlProblem | null {
  const text = typed.trim();
  if (text === "") return "missing";
  if (!/^https?:\/\/[^/?#@\s]+([/?#]|$)/i.test(text) || !URL.canParse(text)) return "invalid";
  // Topics of ntfy are of 1 to 64 letters, digits, - and _.
  if (target === "ntfy" && !/^https?:\/\/[^/]+\/(?:.*\/)?[\w-]{1,64}\/*$/i.test(text)) return "no_topic";
  return null;
}
