// Brings an answer to what a person just did into view: below the edge of a small window nobody would see it.

/** Scrolls no further than it must, and at once for those who want nothing to move. The focus stays where it is. */
export function reveal(element: HTMLElement): void {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "nearest", behavior: isCalm ? "auto" : "smooth" });
}
