// The words of a form that is made from a schema: what the window knows is said in its language, the rest as the agent says it.

import type { FieldFault, FieldProblem, IpcError, MonitorType } from "../generated/ipc";
import { language, t } from "../locales/language.svelte";
import { en } from "../locales/en";
import type { FormField, FormProblem, Typed } from "../state/schema";
import { asSentence, sentences } from "./numbers";

const isField = (key: string): key is keyof typeof en.monitor_field => key in en.monitor_field;
const isHint = (key: string): key is keyof typeof en.monitor_field_hint => key in en.monitor_field_hint;
const isType = (id: string): id is keyof typeof en.monitor_type => id in en.monitor_type;
const isTypeText = (id: string): id is keyof typeof en.monitor_type_text => id in en.monitor_type_text;

/** The agent says it in English, and more exactly than a table by keys: that is for the other languages. */
function translated(): boolean {
  return language() !== "en";
}

export function typeTitle(type: Pick<MonitorType, "type_id"> & Partial<MonitorType>): string {
  return isType(type.type_id) ? t(`monitor_type.${type.type_id}`) : (type.title ?? type.type_id);
}

export function typeText(type: MonitorType): string {
  return isTypeText(type.type_id) ? t(`monitor_type_text.${type.type_id}`) : type.description;
}

export function fieldTitle(field: FormField): string {
  const title = translated() && isField(field.key) ? t(`monitor_field.${field.key}`) : field.title;
  return canBeEmpty(field) ? t("form.optional", { title }) : title;
}

/** Whether nothing at all is an answer: a switch has one always, and what has a default is filled in. */
function canBeEmpty({ required, kind, default: value }: FormField): boolean {
  const hasNoDefault = value == null || value === "" || (Array.isArray(value) && value.length === 0);
  return !required && kind !== "switch" && hasNoDefault;
}

export function fieldHint(field: FormField): string {
  const hint = translated() && isHint(field.key) ? t(`monitor_field_hint.${field.key}`) : field.description;
  return field.kind === "list" ? sentences(...[hint, t("form.one_each_line")].filter(Boolean)) : hint;
}

export function problemText(problem: FormProblem): string {
  switch (problem.kind) {
    case "below":
    case "above":
    case "too_long":
      // As it is typed: a port of 65,535 is none.
      return t(`form.${problem.kind}`, { limit: String(problem.limit) });
    default:
      return t(`form.${problem.kind}`);
  }
}

/** What the host found wrong, by the key of the field; a path is cut to what the form calls it. */
export function fieldProblems(error: IpcError | null, prefix = ""): Record<string, string> {
  if (error?.code !== "invalid_fields" || !Array.isArray(error.detail)) return {};
  const found: Record<string, string> = {};
  for (const problem of error.detail as Partial<FieldProblem>[]) {
    if (typeof problem?.field !== "string" || typeof problem.message !== "string") continue;
    const path = problem.field;
    const key = prefix && path.startsWith(prefix) ? path.slice(prefix.length) : path;
    found[key.split(/[.[]/)[0] ?? key] = problem.fault ? faultText(problem.fault) : problem.message;
  }
  return found;
}

/** What is wrong with a field, by its code and never by its text. */
export function faultText(fault: FieldFault): string {
  switch (fault.kind) {
    case "too_long":
    case "too_many":
      return t(`form.${fault.kind}`, { limit: String(fault.most) });
    case "not_between":
      return t("form.not_between", { least: fault.least, most: fault.most });
    case "not_one_of":
      return t("form.not_one_of", { words: fault.words.join(", ") });
    case "not_text":
    case "bad_character":
    case "not_a_list":
    case "not_a_flag":
      return t("form.pattern");
    default:
      return t(`form.${fault.kind}`);
  }
}

/**
 * What only the agent could find wrong with a field, in the language that is spoken: the field says what it can be, and the
 * agent's own words, which are English, stay where that does not.
 */
export function refusedText(field: FormField | undefined, value: Typed | undefined, message: string): string {
  const typed = typeof value === "string" ? value.trim() : "";
  if (field?.key === "progress_pattern" && typed === "") return t("form.none_filled");
  if (field?.key === "progress_pattern" && !typed.includes("(")) return t("form.no_group");
  if (field?.key === "url") return t("form.not_a_url");
  if (field?.key === "host") return t("form.not_a_host");
  if (field?.key === "expected_status") return t("form.not_statuses");
  if (field?.format === "path" || field?.key === "folder") return t("form.not_a_path");
  if (field?.format === "regex") return t("form.not_a_pattern");
  return sentence(message);
}

/** With a capital letter and an end, as everything else is written. */
function sentence(message: string): string {
  const text = asSentence(message);
  return /[.!?。！？…]$/.test(text) ? text : `${text}.`;
}
