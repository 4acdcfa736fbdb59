// The keys of the window: which means what, decided from plain values.

import { type PageName, pages } from "./route.svelte";

export type Zoom = "larger" | "smaller" | "usual";

export type Shortcut =
  | { kind: "page"; page: PageName }
  | { kind: "search" | "add" | "help" | "quit" }
  /** Everything larger, smaller, or as it usually is. */
  | { kind: "zoom"; to: Zoom }
  /** What a browser would do with it is no part of an app. */
  | { kind: "nothing" };

/** The sizes that there are, in per cent: as the host has them. */
export const zooms = [80, 90, 100, 110, 125, 150];

/** The size after this one. */
export function zoomedTo(now: number, to: Zoom): number {
  if (to === "usual") return 100;
  const others =
    to === "larger" ? zooms.filter((size) => size > now) : zooms.filter((size) => size < now).reverse();
  return others[0] ?? now;
}

export interface Pressed {
  key: string;
  /** Ctrl, or on a Mac the command key. */
  isCommand: boolean;
  isAlt: boolean;
  /** Whether somebody is typing. */
  isTyping: boolean;
  /** Whether a question or a form stands above the page. */
  isCovered: boolean;
}

/** What is meant; nothing where the key is the page's own. */
export function shortcutOf({ key, isCommand, isAlt, isTyping, isCovered }: Pressed): Shortcut | null {
  if (key === "F5" || (isCommand && !isAlt && key.toLowerCase() === "r")) return { kind: "nothing" };
  const zoom = isCommand && !isAlt ? zoomOf(key) : undefined;
  if (zoom) return { kind: "zoom", to: zoom };
  if (isAlt || isCovered) return null;
  if (isCommand) {
    const page = pages[Number(key) - 1];
    if (/^[1-9]$/.test(key) && page) return { kind: "page", page };
    if (key === ",") return { kind: "page", page: "settings" };
    if (key.toLowerCase() === "f") return { kind: "search" };
    if (key.toLowerCase() === "n") return { kind: "add" };
    // On a Mac the menu of the app has it.
    if (key.toLowerCase() === "q") return { kind: "quit" };
    return null;
  }
  if (isTyping) return null;
  if (key === "/") return { kind: "search" };
  return key === "?" ? { kind: "help" } : null;
}

/** As in every browser; `=` is where `+` is without Shift. */
function zoomOf(key: string): Zoom | undefined {
  const keys: Record<string, Zoom> = { "+": "larger", "=": "larger", "-": "smaller", "0": "usual" };
  return keys[key];
}
