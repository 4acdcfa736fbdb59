// Asks for something again and again while somebody can see it, and never twice at once.

import type { IpcError } from "../generated/ipc";
import { asIpcError } from "../platform/types";

export class Polling<T> {
  answer = $state.raw<T | null>(null);
  error = $state.raw<IpcError | null>(null);
  #ask: () => Promise<T>;
  #every: number;
  #heard: (answer: T) => void;

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
    const round = async () => {
      clearTimeout(timer);
      if (asking) return;
      asking = true;
      try {
        const answer = await this.#ask();
        if (over) return;
        this.answer = answer;
        this.error = null;
        this.#heard(answer);
      } catch (thrown) {
        if (!over) this.error = asIpcError(thrown);
      } finally {
        asking = false;
        if (!over && document.visibilityState === "visible") timer = setTimeout(round, this.#every);
      }
    };
    const seen = () => {
      if (document.visibilityState === "visible") void round();
    };
    document.addEventListener("visibilitychange", seen);
    void round();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }
}
