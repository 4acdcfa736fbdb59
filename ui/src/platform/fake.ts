// The fake host for an ordinary browser, chosen in the address. It is in no build.

import type { Language, Theme } from "../generated/ipc";
import type { FakeHost } from "./fake/host";
import { fakeHost, type Scenario, scenarios } from "./fake/scenarios";

export function fakeFor(search: URLSearchParams): FakeHost {
  const name = search.get("fake") ?? "";
  const host = fakeHost(name in scenarios ? (name as Scenario) : "ready");
  const { snapshot } = host.world;
  snapshot.app.preferences = {
    ...snapshot.app.preferences,
    language: (search.get("lang") ?? snapshot.app.preferences.language) as Language,
    theme: (search.get("theme") ?? snapshot.app.preferences.theme) as Theme,
  };
  // For whoever measures the pages in a browser.
  Object.assign(globalThis, { taskpawFake: host });
  // A machine at work: its numbers move.
  setInterval(() => {
    if (host.wanted.includes("agent")) host.pushAll();
  }, 2000);
  return host;
}
