// What all pages share: the snapshot of the host, the door to it, and the samples of this machine.

import { createContext } from "svelte";

import type { Answers, IpcError, Role, RoleView, Snapshot } from "../generated/ipc";
import type { Command, Platform, RequestOf } from "../platform/types";
import { Follower } from "./follow";
import { Samples } from "./samples.svelte";

export class AppState {
  snapshot = $state.raw<Snapshot | null>(null);
  /** Why there is no snapshot, or why it is not current. */
  lost = $state.raw<IpcError | null>(null);
  readonly samples = new Samples();
  readonly platform: Platform;
  readonly #follower: Follower;

  constructor(platform: Platform) {
    this.platform = platform;
    this.#follower = new Follower(
      platform,
      (snapshot) => {
        this.snapshot = snapshot;
        this.lost = null;
      },
      (error) => {
        this.lost = error;
      },
    );
  }

  /** Connects; after a failure, connects again. */
  connect(): Promise<void> {
    this.lost = null;
    return this.#follower.start();
  }

  call<C extends Command>(request: RequestOf<C>): Promise<Answers[C]> {
    return this.platform.call<C>(request);
  }

  role(role: Role): RoleView | null {
    return this.snapshot?.roles.find((view) => view.role === role) ?? null;
  }
}

const [getApp, setApp] = createContext<AppState>();
export { getApp, setApp };
