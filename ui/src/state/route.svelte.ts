// Which page is open, and what on it was asked for. It lives in the address, so that both are links like any other.

import type { Role } from "../generated/ipc";

export const pages = ["this-machine", "fleet", "events", "ports", "settings", "diagnostics"] as const;

export type PageName = (typeof pages)[number];

/** One thing whose history is shown: a machine, or a monitor of it. */
export interface Subject {
  /** The configured name of an agent of the hub; nothing: this machine. */
  agent: string | null;
  /** Nothing: the machine itself. */
  monitor: string | null;
}

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

/** What of a page has a page of its own. */
function subjectOf(hash: string): Subject | null {
  const [page, ...rest] = partsOf(hash);
  try {
    const [first, second, third, fourth] = rest.map(decodeURIComponent);
    if (page === "this-machine" && first === "monitor" && second) return { agent: null, monitor: second };
    if (page === "this-machine" && first === "history") return { agent: null, monitor: null };
    if (page === "fleet" && first === "machine" && second)
      return { agent: second, monitor: third === "monitor" && fourth ? fourth : null };
  } catch {
    // An address that somebody has typed by hand.
  }
  return null;
}

class Route {
  /** The page that was asked for; nothing until somebody chose one. */
  chosen = $state<PageName | null>(pageOf(location.hash));
  log = $state<string | null>(logOf(location.hash));
  /** The one thing of the page that is shown by itself. */
  subject = $state.raw<Subject | null>(subjectOf(location.hash));

  constructor() {
    addEventListener("hashchange", () => {
      this.chosen = pageOf(location.hash);
      this.log = logOf(location.hash);
      this.subject = subjectOf(location.hash);
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

/** The page of a machine, or of a monitor of it. */
export function linkToSubject({ agent, monitor }: Subject): string {
  const name = monitor === null ? null : encodeURIComponent(monitor);
  if (agent === null)
    return name === null ? `${linkTo("this-machine")}/history` : `${linkTo("this-machine")}/monitor/${name}`;
  const machine = `${linkTo("fleet")}/machine/${encodeURIComponent(agent)}`;
  return name === null ? machine : `${machine}/monitor/${name}`;
}
