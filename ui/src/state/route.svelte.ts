// Which page is open. It lives in the address, so that a page is a link like any other.

export const pages = ["this-machine", "fleet", "events", "ports", "settings", "diagnostics"] as const;

export type PageName = (typeof pages)[number];

function pageOf(hash: string): PageName | null {
  const name = hash.replace(/^#\/?/, "");
  return pages.find((page) => page === name) ?? null;
}

class Route {
  /** The page that was asked for; nothing until somebody chose one. */
  chosen = $state<PageName | null>(pageOf(location.hash));

  constructor() {
    addEventListener("hashchange", () => {
      this.chosen = pageOf(location.hash);
    });
  }
}

export const route = new Route();

export function linkTo(page: PageName): string {
  return `#/${page}`;
}
