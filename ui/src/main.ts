// The start of the window: the first paint does not wait for the host.

import "./styles/tokens.css";
import "./styles/base.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { tellWhenPainted } from "./painted";
import { tauri } from "./platform/tauri";
import type { Platform } from "./platform/types";
import { AppState } from "./state/app.svelte";

async function choosePlatform(): Promise<Platform> {
  // Only a development server has the fake; a build leaves the whole branch out.
  if (import.meta.env.DEV && new URLSearchParams(location.search).has("fake")) {
    const { fakeFor } = await import("./platform/fake");
    return fakeFor(new URLSearchParams(location.search));
  }
  return tauri;
}

const platform = await choosePlatform();
const app = new AppState(platform);
mount(App, { target: document.getElementById("app")!, props: { app } });
tellWhenPainted(platform);
void app.connect();
