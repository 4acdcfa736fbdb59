// The host itself. No other file may import Tauri: the webview's reach is what can be read here.

import { invoke } from "@tauri-apps/api/core";
import { listen, TauriEvent } from "@tauri-apps/api/event";

import {
  type Answers,
  COMMAND_NAME,
  DATA_EVENT_NAME,
  EVENT_NAME,
  type HostEvent,
  type RoleData,
} from "../generated/ipc";
import type { Command, Platform, RequestOf } from "./types";

export const tauri: Platform = {
  call<C extends Command>(request: RequestOf<C>): Promise<Answers[C]> {
    return invoke<Answers[C]>(COMMAND_NAME, { request });
  },
  onEvent(hear: (event: HostEvent) => void): Promise<() => void> {
    return listen<HostEvent>(EVENT_NAME, (message) => hear(message.payload));
  },
  onData(hear: (data: RoleData[]) => void): Promise<() => void> {
    return listen<RoleData[]>(DATA_EVENT_NAME, (message) => hear(message.payload));
  },
  onDrop(hear: (paths: string[]) => void): Promise<() => void> {
    return listen<{ paths: string[] }>(TauriEvent.DRAG_DROP, (message) => hear(message.payload.paths));
  },
};
