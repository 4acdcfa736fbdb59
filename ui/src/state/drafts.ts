// What was typed into a form that was left without saving it, until the window is closed.

import type { Role, WebhookEvents } from "../generated/ipc";
import type { TypedPort } from "./draft.svelte";
import type { Typed } from "./schema";

/** What a form of each kind holds. */
export interface MonitorTyped {
  typeId: string;
  name: string;
  values: Record<string, Typed>;
}

export interface AgentTyped {
  name: string;
  url: string;
  token: string;
  enabled: boolean;
}

export interface AlertTyped {
  url: string;
  token: string;
  events: WebhookEvents;
}

type Kept<K extends string> = K extends `agent${string}`
  ? AgentTyped
  : K extends `alert${string}`
    ? AlertTyped
    : MonitorTyped;

/** The forms by what each is about. More than a person leaves open are not kept. */
const MOST = 20;

export class Drafts {
  /** What was typed on the page of the ports, which may be left before it is applied. */
  readonly ports = new Map<Role, Record<string, TypedPort>>();
  readonly #kept = new Map<string, unknown>();

  of<K extends `agent${string}` | `alert${string}` | `monitor${string}`>(form: K) {
    return {
      value: (this.#kept.get(form) as Kept<K> | undefined) ?? null,
      keep: (typed: Kept<K>) => {
        this.#kept.delete(form);
        const [oldest] = this.#kept.keys();
        if (this.#kept.size >= MOST && oldest !== undefined) this.#kept.delete(oldest);
        this.#kept.set(form, typed);
      },
      forget: () => this.#kept.delete(form),
    };
  }
}
