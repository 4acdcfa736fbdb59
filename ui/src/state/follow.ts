// Keeps a snapshot current: subscribe first, then ask, then apply what is later; ask anew when something is missing.

import type { HostEvent, IpcError, Snapshot } from "../generated/ipc";
import { asIpcError, type Platform } from "../platform/types";
import { place, reduce } from "./reduce";

export class Follower {
  #snapshot: Snapshot | null = null;
  #waiting: HostEvent[] = [];
  #asking: Promise<void> | null = null;
  #subscribed = false;

  constructor(
    readonly platform: Platform,
    readonly show: (snapshot: Snapshot) => void,
    readonly fail: (error: IpcError) => void,
  ) {}

  /** Subscribes and shows the first snapshot. After a failure it can be called again. */
  async start(): Promise<void> {
    try {
      if (!this.#subscribed) {
        await this.platform.onEvent((event) => this.#hear(event));
        this.#subscribed = true;
      }
    } catch (thrown) {
      this.fail(asIpcError(thrown));
      return;
    }
    await this.refresh();
  }

  /** Asks the host for everything; questions that overlap are one. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
      // What was heard between the answer and here.
      this.#advance();
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      // An answer can be older than what was heard meanwhile, if events were lost on the way. Then only a later
      // answer can be whole; two are asked at most, since the next event behind a gap asks again anyway.
      for (let round = 0; round < 2; round += 1) {
        this.#snapshot = await this.platform.call<"snapshot">({ command: "snapshot" });
        if (this.#apply() === "whole") break;
      }
      if (this.#snapshot) this.show(this.#snapshot);
    } catch (thrown) {
      this.fail(asIpcError(thrown));
    }
  }

  #hear(event: HostEvent): void {
    this.#waiting.push(event);
    // Until the answer is there, it is unknown which events are in it.
    if (this.#asking || !this.#snapshot) return;
    if (this.#advance() === "gap") void this.refresh();
  }

  #advance(): "whole" | "gap" {
    const before = this.#snapshot;
    const result = this.#apply();
    if (this.#snapshot && this.#snapshot !== before) this.show(this.#snapshot);
    return result;
  }

  /** Applies what was heard, in order; what lies behind a gap stays for the next snapshot. */
  #apply(): "whole" | "gap" {
    this.#waiting.sort((a, b) => a.seq - b.seq);
    while (this.#snapshot && this.#waiting[0]) {
      const event = this.#waiting[0];
      const where = place(this.#snapshot, event);
      if (where === "gap") return "gap";
      this.#waiting.shift();
      if (where === "next") this.#snapshot = reduce(this.#snapshot, event);
    }
    return "whole";
  }
}
