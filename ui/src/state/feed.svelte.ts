// The events as they happen, of the hub and of this machine's agent: all at first, then what is pushed. Where something was
// not heard, the last ones are asked for.

import type { IpcError, Role } from "../generated/ipc";
import { asIpcError } from "../platform/types";
import type { AppState } from "./app.svelte";
import { type EventRow, merge, rowsOfAgent, rowsOfFleet } from "./events";

/** As many as an agent keeps. */
export const MOST = 10_000;
/** What is asked for once the rest is known. */
const LAST = 200;

/** One place that events come from. Its numbers grow by one, so that a hole is noticed. */
class Source {
  #newest = 0;

  /** How many to ask for. */
  get limit(): number {
    return this.#newest === 0 ? MOST : LAST;
  }

  /** Takes note of what was answered; whether there are events between these and what was known. */
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
  error = $state.raw<IpcError | null>(null);
  readonly #app: AppState;
  readonly #sources = { agent: new Source(), hub: new Source() };
  readonly #asking = { agent: false, hub: false };

  constructor(app: AppState) {
    this.#app = app;
  }

  /** Follows those roles that are ready, until what it returns is called. Meant for an `$effect`. */
  run(ready: { agent: boolean; hub: boolean }): () => void {
    const { data } = this.#app;
    const ends = [
      ready.agent ? data.want("agent_events") : undefined,
      ready.hub ? data.want("fleet_events") : undefined,
      data.listen({
        agentEvents: (events) => this.#add(rowsOfAgent(events)),
        fleetEvents: (events) => this.#add(rowsOfFleet(events, Date.now())),
        missed: (role) => void (ready[role] && this.#ask(role)),
      }),
    ];
    if (ready.agent) void this.#ask("agent");
    if (ready.hub) void this.#ask("hub");
    return () => ends.forEach((end) => end?.());
  }

  #add(rows: EventRow[]): void {
    this.rows = merge(this.rows, rows, MOST);
    this.heard = true;
  }

  async #ask(from: Role): Promise<void> {
    // What is told while an answer is on its way is pushed, too.
    if (this.#asking[from]) return;
    this.#asking[from] = true;
    try {
      while ((await this.#askOnce(from)) === "hole");
      this.error = null;
    } catch (thrown) {
      this.error = asIpcError(thrown);
    } finally {
      this.#asking[from] = false;
    }
  }

  async #askOnce(from: Role): Promise<"whole" | "hole"> {
    const source = this.#sources[from];
    const limit = source.limit;
    if (from === "agent") {
      const events = await this.#app.call<"agent_events">({ command: "agent_events", limit });
      if (source.hear(numbersOf(events, "id"), limit) === "hole") return "hole";
      this.#add(rowsOfAgent(events));
    } else {
      const events = await this.#app.call<"fleet_events">({
        command: "fleet_events",
        server: null,
        level: null,
        limit,
      });
      if (source.hear(numbersOf(events, "number"), limit) === "hole") return "hole";
      this.#add(rowsOfFleet(events, Date.now()));
    }
    return "whole";
  }
}

function numbersOf<K extends string>(events: Record<K, number>[], key: K): number[] {
  return events.map((event) => event[key]);
}
