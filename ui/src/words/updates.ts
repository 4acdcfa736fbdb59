// What is said of a new version, for each way and state: plain data in, what the bar shows out.

import type {
  AppView,
  UpdateFailure,
  UpdateNotes,
  UpdateOffer,
  UpdateRefusal,
  UpdatesView,
} from "../generated/ipc";
import { language, t } from "../locales/language.svelte";
import { bytesText, clockMinute, sentences } from "./numbers";
import { changedVersion } from "./timeline";
import type { Tone } from "./tone";
import { percentText } from "./work";

/** What can be done about a new version. */
export type UpdateStep =
  "download" | "continue" | "relaunch" | "relaunch_installed" | "later" | "again" | "close" | "yes" | "no";

/** What the bar shows. */
export interface UpdateNotice {
  /** Another one is another thing to say: what was unfolded is folded again. */
  key: string;
  tone: Tone;
  title: string;
  text: string;
  /** What a version or the system said, as it is. */
  detail: string | null;
  security: boolean;
  /** What is new, or has changed. */
  notes: string | null;
  notesTitle: string;
  /** To be copied as it is. */
  copy: { text: string; label: string } | null;
  /** How much has come, in per cent. */
  percent: number | null;
  /** The first is the one that most people want. */
  steps: UpdateStep[];
}

/** What the window remembers beside what the host says. */
export interface Seen {
  /** Whether the question whether to look is to be put in the bar. */
  asks: boolean;
  /** The version whose download was interrupted since the window is open. */
  interrupted: string | null;
}

/** What is new, in the language that is spoken. */
export function notesText(notes: UpdateNotes | null): string | null {
  return notes?.[language()].trim() || null;
}

/** Why a version does not run here. */
export function failureText({ reason }: UpdateFailure): string {
  return t(`updates.failure.${reason}`);
}

/** The version that is offered, in whatever state it is. */
export function offerOf({ state }: UpdatesView): UpdateOffer | null {
  return "offer" in state ? state.offer : null;
}

function notice(
  key: string,
  offer: UpdateOffer | null,
  shown: Partial<UpdateNotice> & Pick<UpdateNotice, "title" | "steps">,
): UpdateNotice {
  return {
    key,
    tone: "quiet",
    text: "",
    detail: null,
    security: offer?.security ?? false,
    notes: notesText(offer?.notes ?? null),
    notesTitle: t("updates.what_is_new"),
    copy: null,
    percent: null,
    ...shown,
  };
}

/** That the disk has no room is no fault of the download. */
function pausedTitle(code: UpdateRefusal, at: number | null) {
  if (code === "no_space" || code === "disk_failed" || code === "no_permission")
    return "updates.not_installed" as const;
  return at === null ? ("updates.not_downloaded" as const) : ("updates.interrupted" as const);
}

/** What the bar shows now, if anything. */
export function updateNotice(app: AppView, seen: Seen): UpdateNotice | null {
  const { updates } = app;
  const { state } = updates;
  if (state.kind === "relaunching") {
    const { version } = state;
    return notice(`relaunching ${version}`, null, {
      title: t("app.replaced_by", { version }),
      text: t("app.update_text"),
      tone: "busy",
      steps: [],
    });
  }
  // What a person has installed by other means lies there already, whatever else is offered.
  if (app.update !== null) {
    const offer = offerOf(updates);
    return notice(`installed ${app.update}`, offer?.version === app.update ? offer : null, {
      title: t("app.update", { version: app.update }),
      text: t("app.update_text"),
      tone: "ok",
      steps: ["relaunch_installed"],
    });
  }
  return (
    outcomeNotice(app) ??
    (updates.is_put_off ? null : stateNotice(updates, seen)) ??
    (seen.asks ? notice("asks", null, { ...question(), steps: ["yes", "no"] }) : null)
  );
}

/** The question whether to look. */
function question(): { title: string; text: string } {
  return { title: t("updates.ask_title"), text: t("updates.look_hint") };
}

/** How the last update came out, until that was read. */
function outcomeNotice({ updates, took_over: from, version }: AppView): UpdateNotice | null {
  const { outcome, state } = updates;
  if (outcome?.kind === "installed") {
    const words = from && changedVersion(from, version);
    return notice(`now ${outcome.version}`, null, {
      title: t("app.updated", { version: outcome.version }),
      text: words?.text ?? t("updates.updated_text", { version: outcome.from }),
      tone: "ok",
      notes: notesText(outcome.notes),
      notesTitle: t("updates.changed"),
      steps: ["close"],
    });
  }
  if (outcome?.kind === "came_back") {
    const canTry = state.kind === "failed_before" && state.offer.version === outcome.version;
    return notice(`back ${outcome.version}`, null, {
      title: t("updates.came_back", { failed: outcome.version, version }),
      text: sentences(failureText(outcome.failure), t("updates.came_back_text")),
      detail: outcome.failure.detail,
      tone: "warn",
      steps: canTry ? ["close", "again"] : ["close"],
    });
  }
  return null;
}

function stateNotice(updates: UpdatesView, seen: Seen): UpdateNotice | null {
  const { state, way } = updates;
  if (!("offer" in state)) return null;
  const { offer } = state;
  const { version, size } = offer;
  switch (state.kind) {
    case "offered":
      return notice(version, offer, {
        title: t("updates.available", { version }),
        text: offeredText(updates, size),
        steps: way?.kind === "no_permission" ? ["later"] : ["download", "later"],
      });
    case "downloading": {
      const percent = size > 0 ? Math.min(100, (state.received / size) * 100) : 0;
      const values = {
        received: bytesText(state.received),
        total: bytesText(size),
        percent: percentText(Math.floor(percent)),
      };
      return notice(version, offer, {
        title: t("updates.downloading", { version }),
        text: t(seen.interrupted === version ? "updates.progress_resumed" : "updates.progress", values),
        tone: "busy",
        percent,
        steps: ["later"],
      });
    }
    case "paused": {
      const why = t(`updates.refused.${state.code}`);
      const at = state.goes_on_at;
      return notice(version, offer, {
        title: t(pausedTitle(state.code, at), { version }),
        text: at === null ? why : sentences(why, t("updates.goes_on", { time: clockMinute(at) })),
        tone: "warn",
        steps: ["continue", "later"],
      });
    }
    case "ready":
      return notice(version, offer, {
        title: t("updates.ready", { version }),
        text: t("app.update_text"),
        tone: "ok",
        steps: ["relaunch", "later"],
      });
    case "command":
      return notice(version, offer, {
        title: t("updates.command", { version }),
        text: t("updates.command_text"),
        tone: "ok",
        copy: { text: state.command, label: t("way.copy") },
        steps: ["later"],
      });
    case "by_hand":
      return notice(version, offer, {
        title: t("updates.available", { version }),
        text:
          way?.kind === "no_permission"
            ? t("updates.no_permission", { folder: way.folder })
            : t("updates.by_hand"),
        copy: { text: state.address, label: t("updates.copy_address") },
        steps: ["later"],
      });
    // It is not offered by itself; Settings says it to whoever looks.
    case "failed_before":
      return null;
  }
}

function offeredText({ way }: UpdatesView, size: number): string {
  if (way?.kind === "no_permission") return t("updates.no_permission", { folder: way.folder });
  const isCommand = way?.kind === "deb" || way?.kind === "rpm";
  return t(isCommand ? "updates.available_command" : "updates.available_text", { size: bytesText(size) });
}

/** What Settings says of the last look; `ago` is when that was. */
export function lookText(app: AppView, ago: string | null): string {
  const { updates } = app;
  const { state } = updates;
  if (updates.forbidden_by !== null) return t("updates.forbidden", { file: updates.forbidden_by });
  if (!updates.has_feed) return t("updates.no_feed");
  const when = ago === null ? t("updates.never_looked") : t("updates.looked", { ago });
  switch (state.kind) {
    case "idle":
      return when;
    case "looking":
      return t("updates.looking");
    case "current":
      return sentences(t("updates.current", { version: app.version }), when);
    case "refused":
      return sentences(t(`updates.refused.${state.code}`), when);
    case "failed_before":
      return sentences(
        t("updates.failed_before", { version: state.offer.version }),
        failureText(state.failure),
        t("updates.came_back_text"),
      );
    case "relaunching":
      return t("app.replaced_by", { version: state.version });
    default: {
      const shown = stateNotice(updates, { asks: false, interrupted: null });
      return shown ? sentences(t("updates.full", { title: shown.title }), when) : when;
    }
  }
}
