// Asks for something again and again while somebody can see it, and never twice at once.

import type { IpcError } from "../generated/ipc";
import { asIpcError } from "../platform/types";

export class Polling<T> {
  answer = $state.raw<T | null>(null);
  error = $state.raw<IpcError | null>(null);
  /** When the last answer came, in milliseconds since 1970. */
  heardAt = $state.raw(0);
  #ask: () => Promise<T>;
  #every: number;
  #heard: (answer: T) => void;
  #round: () => void = () => {};

  constructor(ask: () => Promise<T>, every: number, heard: (answer: T) => void = () => {}) {
    this.#ask = ask;
    this.#every = every;
    this.#heard = heard;
  }

  /** Starts; what it returns ends it. Meant for an `$effect`. */
  run(): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let over = false;
    let asking = false;
    let again = false;
    const round = async () => {
      clearTimeout(timer);
      if (asking) {
        // What is asked for meanwhile may be newer than the answer that is on its way.
        again = true;
        return;
      }
      asking = true;
      try {
        const answer = await this.#ask();
        if (over) return;
        this.answer = answer;
        this.heardAt = Date.now();
        this.error = null;
        this.#heard(answer);
      } catch (thrown) {
        if (!over) this.error = asIpcError(thrown);
      } finally {
        asking = false;
        const wait = again ? 0 : this.#every;
        again = false;
        if (!over && document.visibilityState === "visible") timer = setTimeout(round, wait);
      }
    };
    const seen = () => {
      if (document.visibilityState === "visible") void round();
    };
    this.#round = seen;
    document.addEventListener("visibilitychange", seen);
    void round();
    return () => {
      over = true;
      this.#round = () => {};
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }

  /** Asks at once, after something was changed; nothing happens if it does not run. */
  now(): void {
    this.#round();
  }
}
