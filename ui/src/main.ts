// The start of the window: the first paint does not wait for the host.

import "./styles/tokens.css";
import "./styles/base.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { tellWhenPainted } from "./painted";
import { tauri } from "./platform/tauri";
import { AppState } from "./state/app.svelte";

async function makeApp(): Promise<AppState> {
  const search = new URLSearchParams(location.search);
  // Only a development server has the fake, and a build that asks for it; others leave the whole branch out.
  if ((import.meta.env.DEV || import.meta.env.MODE === "fake") && search.has("fake")) {
    const { fakeFor } = await import("./platform/fake");
    return new AppState(fakeFor(search));
  }
  return new AppState(tauri);
}

const app = await makeApp();
mount(App, { target: document.getElementById("app")!, props: { app } });
// What the host waits for is a window that has something to say: connected, or the reason why not.
void app.connect().finally(() => tellWhenPainted(app.platform));
