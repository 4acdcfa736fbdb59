// What the roles watch, as the host sends it: all at first, then what changes. The window says what it shows, asks for
// nothing again and again, and is sent nothing while nobody can see it.

import { untrack } from "svelte";

import type {
  AgentEvent,
  AgentStatus,
  DataKind,
  FleetEvent,
  FleetStatus,
  IpcError,
  LogLine,
  Role,
  RoleData,
} from "../generated/ipc";
import { asIpcError, type Platform } from "../platform/types";
import { hear } from "./age";

/** What a role watches, and whether that is what it is now. */
export class Shown<T> {
  answer = $state.raw<T | null>(null);
  /** Why it may be old. */
  error = $state.raw<IpcError | null>(null);

  take(answer: T): void {
    this.answer = answer;
    this.error = null;
  }
}

/** Who hears what is not kept here. */
export interface Listener {
  agentEvents?: (events: AgentEvent[]) => void;
  fleetEvents?: (events: FleetEvent[]) => void;
  /** What was told meanwhile is to be asked for. */
  missed?: (role: Role) => void;
  log?: (role: Role, lines: LogLine[]) => void;
}

export class RoleDataStore {
  readonly agent = new Shown<AgentStatus>();
  readonly fleet = new Shown<FleetStatus>();
  /** Hears what the agent sees, as often as it comes. */
  onAgent: (status: AgentStatus) => void = () => undefined;
  readonly #platform: Platform;
  /** No picture depends on who wants what. */
  #wanted: Partial<Record<DataKind, number>> = {};
  #listeners: Listener[] = [];
  #told = "";
  #subscribed = false;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Hears the host from now on. */
  async connect(): Promise<void> {
    if (this.#subscribed) return;
    this.#subscribed = true;
    document.addEventListener("visibilitychange", () => void this.#tell());
    await this.#platform.onData((all) => all.forEach((data) => this.#hear(data)));
    await this.#tell();
  }

  /** Wants something until what it returns is called. Meant for an `$effect`. */
  want(...kinds: DataKind[]): () => void {
    for (const kind of kinds) this.#wanted[kind] = (this.#wanted[kind] ?? 0) + 1;
    void this.#tell();
    return () => {
      for (const kind of kinds) {
        const others = (this.#wanted[kind] ?? 0) - 1;
        if (others > 0) this.#wanted[kind] = others;
        else delete this.#wanted[kind];
      }
      void this.#tell();
    };
  }

  /** Hears what is not kept here, until what it returns is called. */
  listen(listener: Listener): () => void {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** A page that goes and the next one that comes are one message: it is sent when both are through. */
  async #tell(): Promise<void> {
    await Promise.resolve();
    if (!this.#subscribed) return;
    const isSeen = document.visibilityState === "visible";
    const data = isSeen ? (Object.keys(this.#wanted) as DataKind[]).sort() : [];
    const told = data.join();
    if (told === this.#told) return;
    this.#told = told;
    try {
      await this.#platform.call<"watch">({ command: "watch", data });
    } catch (thrown) {
      this.#told = "";
      this.agent.error = this.fleet.error = asIpcError(thrown);
    }
  }

  #hear(data: RoleData): void {
    untrack(() => this.#take(data));
  }

  #take(data: RoleData): void {
    switch (data.kind) {
      case "agent":
        hear(Object.values(data.status.monitors));
        this.agent.take(data.status);
        this.onAgent(data.status);
        break;
      case "monitors": {
        const { answer } = this.agent;
        if (!answer) break;
        hear(Object.values(data.monitors));
        const status = { ...answer, monitors: { ...answer.monitors, ...data.monitors } };
        this.agent.take(status);
        if (Object.values(data.monitors).some(({ type_id }) => type_id === "host_metrics"))
          this.onAgent(status);
        break;
      }
      case "fleet":
        hear(data.status.agents);
        this.fleet.take(data.status);
        break;
      case "machines": {
        const { answer } = this.fleet;
        if (!answer) break;
        hear(data.agents);
        const news = Object.fromEntries(data.agents.map((agent) => [agent.name, agent]));
        const agents = answer.agents.map((known) => news[known.name] ?? known);
        this.fleet.take({ ...answer, agents });
        break;
      }
      case "unheard":
        if (data.role === "agent") this.agent.error = data.error;
        else this.fleet.error = data.error;
        break;
      case "agent_events":
        for (const { agentEvents } of this.#listeners) agentEvents?.(data.events);
        break;
      case "fleet_events":
        for (const { fleetEvents } of this.#listeners) fleetEvents?.(data.events);
        break;
      case "events_missed":
        for (const { missed } of this.#listeners) missed?.(data.role);
        break;
      case "log":
        for (const { log } of this.#listeners) log?.(data.role, data.lines);
    }
  }
}
