// Keeps what the host shows current: subscribe first, then ask. Each event brings all that is shown after it, and the one
// with the highest number counts, whatever the order in which answers and events arrive.

import type { Event, HostEvent, IpcError, Snapshot } from "../generated/ipc";
import { asIpcError, type Platform } from "../platform/types";

export class Follower {
  #snapshot: Snapshot | null = null;
  #subscribed = false;

  constructor(
    readonly platform: Platform,
    readonly show: (snapshot: Snapshot) => void,
    readonly fail: (error: IpcError) => void,
    /** Hears every event once, also those that are in a snapshot already. */
    readonly heard: (event: Event) => void = () => undefined,
  ) {}

  /** Subscribes and shows the first snapshot. After a failure it can be called again. */
  async start(): Promise<void> {
    try {
      if (!this.#subscribed) {
        await this.platform.onEvent((event) => this.#hear(event));
        this.#subscribed = true;
      }
      this.#take(await this.platform.call<"snapshot">({ command: "snapshot" }));
    } catch (thrown) {
      this.fail(asIpcError(thrown));
    }
  }

  #hear({ event, snapshot }: HostEvent): void {
    this.heard(event);
    this.#take(snapshot);
  }

  #take(snapshot: Snapshot): void {
    if (this.#snapshot && snapshot.seq < this.#snapshot.seq) return;
    this.#snapshot = snapshot;
    this.show(snapshot);
  }
}
