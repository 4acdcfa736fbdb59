// What people most often want watched first: each a monitor of a kind, with what is filled in already and the few fields that
// are left.

import type { Typed } from "./schema";

export const cards = ["render", "training", "downloads", "page", "service", "comfyui", "assistant"] as const;

export type Card = (typeof cards)[number];

export interface Begun {
  card: Card;
  typeId: string;
  /** What is filled in. */
  values: Record<string, Typed>;
  /** The fields that are shown; all others are folded away. */
  fields: string[];
}

const begun: Record<Card, Omit<Begun, "card">> = {
  render: { typeId: "log_pattern", values: {}, fields: ["path", "done_pattern"] },
  // A script is told from others by its command line.
  training: { typeId: "task", values: { search_cmdline: true }, fields: ["pattern"] },
  downloads: { typeId: "folder", values: { path: "~/Downloads" }, fields: ["path", "extensions"] },
  page: { typeId: "http_check", values: {}, fields: ["url"] },
  service: { typeId: "process", values: {}, fields: ["pattern"] },
  comfyui: { typeId: "comfyui", values: {}, fields: ["host", "port"] },
  assistant: { typeId: "dev_activity", values: {}, fields: ["tools"] },
};

export function beginningOf(card: Card): Begun {
  return { card, ...begun[card] };
}
