// The events as they arrive, from the hub and from this machine's agent: all at first, then only the last ones.

import type { IpcError } from "../generated/ipc";
import type { AppState } from "./app.svelte";
import { type EventRow, merge, rowsOfAgent, rowsOfFleet } from "./events";
import { Polling } from "./polling.svelte";

/** As many as an agent keeps. */
export const MOST = 10_000;
/** What is asked for once the rest is known. */
const LAST = 200;
const EVERY_MS = 5000;

/** One place that events come from. Its numbers grow by one, so that a hole is noticed. */
class Source {
  #newest = 0;

  /** How many to ask for. */
  get limit(): number {
    return this.#newest === 0 ? MOST : LAST;
  }

  /** Takes note of what came; whether there are events between these and what was known. */
  hear(numbers: number[], limit: number): "whole" | "hole" {
    if (numbers.length === 0) return "whole";
    const lowest = Math.min(...numbers);
    const highest = Math.max(...numbers);
    // A store that begins anew counts from one again: then all of it is news.
    const anew = highest < this.#newest;
    const hole = limit < MOST && (anew || (numbers.length >= limit && lowest > this.#newest + 1));
    this.#newest = hole ? 0 : highest;
    return hole ? "hole" : "whole";
  }
}

export class EventFeed {
  rows = $state.raw<EventRow[]>([]);
  /** Whether any place has answered yet. */
  heard = $state(false);
  readonly #app: AppState;
  readonly #sources = { agent: new Source(), hub: new Source() };
  readonly #agent: Polling<void>;
  readonly #hub: Polling<void>;

  constructor(app: AppState) {
    this.#app = app;
    this.#agent = new Polling(() => this.#ask("agent"), EVERY_MS);
    this.#hub = new Polling(() => this.#ask("hub"), EVERY_MS);
  }

  get error(): IpcError | null {
    return this.#agent.error ?? this.#hub.error;
  }

  /** Asks those roles that are ready, until what it returns is called. Meant for an `$effect`. */
  run(ready: { agent: boolean; hub: boolean }): () => void {
    const ends = [ready.agent && this.#agent.run(), ready.hub && this.#hub.run()];
    return () => ends.forEach((end) => end && end());
  }

  async #ask(from: "agent" | "hub"): Promise<void> {
    const source = this.#sources[from];
    const limit = source.limit;
    if (from === "agent") {
      const events = await this.#app.call<"agent_events">({ command: "agent_events", limit });
      if (source.hear(numbersOf(events, "id"), limit) === "hole") return this.#ask(from);
      this.rows = merge(this.rows, rowsOfAgent(events), MOST);
    } else {
      const events = await this.#app.call<"fleet_events">({
        command: "fleet_events",
        server: null,
        level: null,
        limit,
      });
      if (source.hear(numbersOf(events, "number"), limit) === "hole") return this.#ask(from);
      this.rows = merge(this.rows, rowsOfFleet(events, Date.now()), MOST);
    }
    this.heard = true;
  }
}

function numbersOf<K extends string>(events: Record<K, number>[], key: K): number[] {
  return events.map((event) => event[key]);
}
