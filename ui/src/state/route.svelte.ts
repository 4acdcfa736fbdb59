// Which page is open, and what on it was asked for. It lives in the address, so that both are links like any other.

import type { Role } from "../generated/ipc";

export const pages = ["this-machine", "fleet", "events", "ports", "settings", "diagnostics"] as const;

export type PageName = (typeof pages)[number];

function partsOf(hash: string): string[] {
  return hash.replace(/^#\/?/, "").split("/");
}

function pageOf(hash: string): PageName | null {
  const [name] = partsOf(hash);
  return pages.find((page) => page === name) ?? null;
}

/** Whose log was asked for. */
function logOf(hash: string): string | null {
  const [page, what, role] = partsOf(hash);
  return page === "diagnostics" && what === "log" ? (role ?? null) : null;
}

class Route {
  /** The page that was asked for; nothing until somebody chose one. */
  chosen = $state<PageName | null>(pageOf(location.hash));
  log = $state<string | null>(logOf(location.hash));

  constructor() {
    addEventListener("hashchange", () => {
      this.chosen = pageOf(location.hash);
      this.log = logOf(location.hash);
    });
  }
}

export const route = new Route();

export function linkTo(page: PageName): string {
  return `#/${page}`;
}

export function linkToLog(role: Role): string {
  return `${linkTo("diagnostics")}/log/${role}`;
}
