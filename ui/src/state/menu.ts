// The menu that a right click opens, and the Menu key or Shift+F10: which thing it is about, and what can be done with that.

import type { Attachment } from "svelte/attachments";

export interface MenuItem {
  label: string;
  testid: string;
  run: () => unknown;
}

/** What is made when the menu is asked for: how something is may change while its row stays. */
type Items = () => MenuItem[];

const rows = new WeakMap<Element, Items>();

/** Gives an element a menu of its own, and everything inside of it. */
export function withMenu(items: Items): Attachment<Element> {
  return (element) => {
    rows.set(element, items);
    return () => void rows.delete(element);
  };
}

/** The menu of the innermost element around a place that has one. */
export function menuAt(target: EventTarget | null): { row: Element; items: MenuItem[] } | null {
  for (let row = target instanceof Element ? target : null; row; row = row.parentElement) {
    const items = rows.get(row);
    if (items) return { row, items: items() };
  }
  return null;
}

/** Whether a key asks for the menu, as every desktop but a Mac's has it. */
export function asksForMenu({ key, shiftKey }: Pick<KeyboardEvent, "key" | "shiftKey">): boolean {
  return key === "ContextMenu" || (key === "F10" && shiftKey);
}

/** Where a menu of some size stands when it was asked for at some place: inside of the window, whatever it takes. */
export function placeOf(
  at: { x: number; y: number },
  size: { width: number; height: number },
  window: { width: number; height: number },
): { x: number; y: number } {
  const EDGE = 8;
  const fit = (from: number, length: number, room: number) =>
    Math.max(EDGE, Math.min(from, room - length - EDGE));
  return { x: fit(at.x, size.width, window.width), y: fit(at.y, size.height, window.height) };
}
