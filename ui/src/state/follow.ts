// Keeps a snapshot current: subscribe first, then ask, then apply what is later; ask anew when that is not enough.

import type { Event, HostEvent, IpcError, Snapshot } from "../generated/ipc";
import { asIpcError, type Platform } from "../platform/types";
import { place, reduce } from "./reduce";

/** After applying: nothing is missing, an event is missing, or an event said that more has changed than it tells. */
type Result = "whole" | "gap" | "stale";

export class Follower {
  #snapshot: Snapshot | null = null;
  #waiting: HostEvent[] = [];
  #asking: Promise<void> | null = null;
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
      // What was heard between the answer and here. A gap is left for the next event: the host was just asked.
      if (this.#advance() === "stale") void this.refresh();
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    try {
      // An answer can be older than what was heard meanwhile. A later one has it; that it never has is no reason
      // to ask without end.
      for (let round = 0; round < 3; round += 1) {
        this.#snapshot = await this.platform.call<"snapshot">({ command: "snapshot" });
        if (this.#apply() === "whole") break;
      }
      if (this.#snapshot) this.show(this.#snapshot);
    } catch (thrown) {
      this.fail(asIpcError(thrown));
    }
  }

  #hear(event: HostEvent): void {
    this.heard(event.event);
    this.#waiting.push(event);
    // Until the answer is there, it is unknown which events are in it.
    if (this.#asking || !this.#snapshot) return;
    if (this.#advance() !== "whole") void this.refresh();
  }

  #advance(): Result {
    const before = this.#snapshot;
    const result = this.#apply();
    if (this.#snapshot && this.#snapshot !== before) this.show(this.#snapshot);
    return result;
  }

  /** Applies what was heard, in order; what lies behind a gap stays for the next snapshot. */
  #apply(): Result {
    let result: Result = "whole";
    this.#waiting.sort((a, b) => a.seq - b.seq);
    while (this.#snapshot && this.#waiting[0]) {
      const event = this.#waiting[0];
      const where = place(this.#snapshot, event);
      if (where === "gap") return "gap";
      this.#waiting.shift();
      if (where === "known") continue;
      this.#snapshot = reduce(this.#snapshot, event);
      if (event.event.type === "config_changed") result = "stale";
    }
    return result;
  }
}
