// Why a role does not run: a title, what to do now, and what belongs below them, made from the failure's kind.

import type { ConfigProblem, Failure } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { address } from "./ports";
import { list, seconds } from "./numbers";
import { problemSentence } from "./problem";

export interface FailureWords {
  title: string;
  text: string;
  /** What the system or the backend said, in its own words. */
  technical: string | null;
  log: string[];
  problem: ConfigProblem | null;
}

export function failureWords(failure: Failure, appVersion: string): FailureWords {
  const words = { technical: null, log: [], problem: null };
  switch (failure.kind) {
    case "startup_error": {
      const text =
        failure.code === "port_in_use" && failure.port
          ? t("failure.startup_port_in_use_named", { ...failure.port })
          : t(`failure.startup_${failure.code}_text`);
      const at = failure.port ? ` (${failure.port.name} ${address(failure.port)})` : "";
      return { ...words, title: failureTitle(failure), text, technical: failure.message + at };
    }
    case "config":
      return {
        ...words,
        title: failureTitle(failure),
        text: problemSentence(failure.problem),
        problem: failure.problem,
      };
    case "takeover":
      return {
        ...words,
        title: failureTitle(failure),
        text: t("failure.takeover_text"),
        technical: failure.message,
      };
    case "broken_protocol":
      return {
        ...words,
        title: failureTitle(failure),
        text: t("failure.broken_protocol_text"),
        technical: failure.message,
        log: failure.log,
      };
    case "spawn_failed":
      return {
        ...words,
        title: failureTitle(failure),
        text: t(failure.missing ? "failure.spawn_missing_text" : "failure.spawn_failed_text", {
          program: failure.program,
        }),
        technical: failure.message,
      };
    case "wrong_version":
      return {
        ...words,
        title: failureTitle(failure),
        text: t("failure.wrong_version_text", { app: appVersion, backend: failure.backend }),
      };
    case "not_ready":
      return {
        ...words,
        title: failureTitle(failure),
        text: t("failure.not_ready_text", { duration: seconds(failure.seconds * 1000) }),
        log: failure.log,
      };
    case "exited":
      return {
        ...words,
        title: failureTitle(failure),
        text: t("failure.exited_text", { status: failure.status }),
        log: failure.log,
      };
    case "unhealthy":
      return {
        ...words,
        title: failureTitle(failure),
        text: t("failure.unhealthy_text", { missed: failure.missed }),
        log: failure.log,
      };
    case "v3_busy":
      return {
        ...words,
        title: failureTitle(failure),
        text: t("failure.v3_busy_text", {
          children: list(failure.children.map(({ name, pid }) => t("holder.named", { name, pid }))),
        }),
      };
    case "displaced":
    case "not_allowed": {
      const { kind, name, version, pid } = failure;
      const holder = t("holder.named", { name: version === null ? name : `${name} ${version}`, pid });
      return { ...words, title: failureTitle(failure), text: t(`failure.${kind}_text`, { holder }) };
    }
    case "port_conflict":
      return { ...words, title: failureTitle(failure), text: "" };
  }
}

export function failureTitle(failure: Failure): string {
  return failure.kind === "startup_error"
    ? t(`failure.startup_${failure.code}`)
    : t(`failure.${failure.kind}`);
}

/** Whether it is about ports that somebody has, so that these are shown with their holders. */
export function isAboutPorts({ kind }: Failure): boolean {
  return kind === "port_conflict" || kind === "displaced" || kind === "not_allowed";
}
