// A host for tests and for the page in an ordinary browser. It is as strict as the real one: a role without a ready
// backend has no data, events are numbered without gaps, and a foreign port stays foreign.

import type {
  AgentEvent,
  AgentStatus,
  Answers,
  Event,
  FleetStatus,
  HolderView,
  HostEvent,
  IpcError,
  PortDraft,
  PortState,
  PortView,
  Request,
  Role,
  RoleView,
  Snapshot,
} from "../../generated/ipc";
import { reduce } from "../../state/reduce";
import type { Command, Platform, RequestOf } from "../types";

/** What the fake machine is like. */
export interface World {
  snapshot: Snapshot;
  /** Who holds which number, besides the app itself. */
  taken: Record<number, { state: PortState; holders: HolderView[] }>;
  status: () => AgentStatus;
  events: AgentEvent[];
  fleet: FleetStatus;
  logs: string[];
  /** The refusal of a command, where a test wants one. */
  refuse: Partial<Record<Command, IpcError>>;
  /** Milliseconds that an answer takes. */
  delay: number;
}

export function refusal(code: IpcError["code"], message: string, detail: unknown = null): IpcError {
  return { code, message, detail };
}

export class FakeHost implements Platform {
  readonly asked: Request[] = [];
  readonly #hearing = new Set<(event: HostEvent) => void>();

  constructor(readonly world: World) {}

  onEvent(hear: (event: HostEvent) => void): Promise<() => void> {
    this.#hearing.add(hear);
    return Promise.resolve(() => this.#hearing.delete(hear));
  }

  async call<C extends Command>(request: RequestOf<C>): Promise<Answers[C]> {
    this.asked.push(request);
    await new Promise((resolve) => setTimeout(resolve, this.world.delay));
    const refused = this.world.refuse[request.command];
    if (refused) throw refused;
    return structuredClone(this.#answer(request)) as Answers[C];
  }

  /** Something happens: it is in the snapshot from now on, and whoever listens hears it. */
  emit(event: Event): void {
    const numbered = { seq: this.world.snapshot.seq + 1, at: Date.now(), event };
    this.world.snapshot = reduce(this.world.snapshot, numbered);
    for (const hear of this.#hearing) hear(structuredClone(numbered));
  }

  role(role: Role): RoleView {
    const view = this.world.snapshot.roles.find((candidate) => candidate.role === role);
    if (!view) throw refusal("bad_request", `no role ${role}`);
    return view;
  }

  #answer(request: Request): Answers[Command] {
    switch (request.command) {
      case "snapshot":
        return this.world.snapshot;
      case "painted":
      case "relaunch":
      case "quit":
        return null;
      case "claim_again":
        this.emit({ type: "launch_changed", launch: { kind: "running" } });
        return null;
      case "retry":
      case "start":
      case "restart":
        this.#start(request.role);
        return null;
      case "stop":
        this.#stop(request.role);
        return null;
      case "check_ports":
        return this.#check(request.draft);
      case "suggest_port": {
        const port = this.role(request.role).ports.find(({ name }) => name === request.name);
        if (!port) throw refusal("bad_request", `no port ${request.name}`);
        return this.#free(port.port + 1);
      }
      case "apply_ports":
        this.#apply(request.draft);
        return null;
      case "logs":
        return this.role(request.role).timeline.length > 0 ? this.world.logs.slice(-request.limit) : [];
      case "set_preferences":
        this.#configure(this.world.snapshot.problem, request.preferences);
        return null;
      case "restore_last_good_config":
        this.#configure(null);
        this.#start("agent");
        return null;
      case "reload_config":
        this.#configure(this.world.snapshot.problem);
        return null;
      case "agent_status":
        this.#mustBeReady("agent");
        return this.world.status();
      case "agent_events":
        this.#mustBeReady("agent");
        return this.world.events.slice(-request.limit);
      case "fleet_status":
        this.#mustBeReady("hub");
        return this.world.fleet;
    }
  }

  /** What else has changed than the event says is in the snapshot, as with the real host. */
  #configure(problem: Snapshot["problem"], preferences = this.world.snapshot.app.preferences): void {
    const { roles } = this.world.snapshot;
    this.world.snapshot = { ...this.world.snapshot, problem };
    const enabled = roles.filter((role) => role.enabled).map(({ role }) => role);
    this.emit({ type: "config_changed", preferences, enabled });
  }

  #mustBeReady(role: Role): void {
    if (this.role(role).state.kind !== "ready") throw refusal("not_ready", `the ${role} is not ready`);
  }

  #check(draft: PortDraft[]): PortView[] {
    const offered: number[] = [];
    return draft.map(({ role, name, endpoint: { host, port } }) => {
      const view = { name, host, port, in_use_by_app: false, holders: [] as HolderView[] };
      const collides = draft.some((other) => other.name !== name && other.endpoint.port === port);
      const taken = this.world.taken[port];
      const suggestion = this.#free(port + 1, draft, offered);
      offered.push(suggestion);
      if (port < 1 || port > 65535 || !/^(localhost|[\d.]+|[\da-f:]+)$/i.test(host)) {
        return { ...view, state: "invalid" as const, suggestion: null };
      }
      if (collides) return { ...view, state: "self_collision" as const, suggestion };
      if (port < 1024)
        return { ...view, state: "permission_denied" as const, suggestion: this.#free(5680, draft) };
      if (taken) return { ...view, ...taken, suggestion };
      const mine = this.role(role);
      const own = mine.state.kind === "ready" && mine.ports.some((configured) => configured.port === port);
      return {
        ...view,
        state: own ? ("own_stale" as const) : ("free" as const),
        in_use_by_app: own,
        suggestion: null,
      };
    });
  }

  #free(from: number, draft: PortDraft[] = [], offered: number[] = []): number {
    const wanted = new Set([
      ...offered,
      ...draft.map(({ endpoint }) => endpoint.port),
      ...this.world.snapshot.roles.flatMap(({ ports }) => ports.map(({ port }) => port)),
    ]);
    let port = Math.max(1024, from);
    while (port <= 65535 && (this.world.taken[port] || wanted.has(port))) port += 1;
    if (port > 65535) throw refusal("no_free_port", "no port is free");
    return port;
  }

  #apply(draft: PortDraft[]): void {
    const role = draft[0]?.role;
    if (!role) throw refusal("bad_request", "no ports");
    const ports = this.role(role).ports.map((configured): PortView => {
      const wanted = draft.find(({ name }) => name === configured.name);
      return {
        ...configured,
        ...wanted?.endpoint,
        state: null,
        in_use_by_app: false,
        holders: [],
        suggestion: null,
      };
    });
    this.#start(role, ports);
  }

  #start(role: Role, ports = this.role(role).ports): void {
    const generation = this.role(role).generation + 1;
    const draft = ports.map(({ name, host, port }) => ({ role, name, endpoint: { host, port } }));
    this.emit({
      type: "takeover_started",
      role,
      generation,
      ports: ports.map((port) => ({
        ...port,
        state: null,
        in_use_by_app: false,
        holders: [],
        suggestion: null,
      })),
    });
    const seen = this.#check(draft);
    if (seen.some(({ state }) => state !== "free")) {
      this.emit({ type: "port_conflict", role, generation, ports: seen });
      this.emit({ type: "backend_failed", role, generation, failure: { kind: "port_conflict" } });
      return;
    }
    this.emit({ type: "backend_starting", role, generation, ports: seen });
    setTimeout(() => {
      if (this.role(role).generation !== generation) return;
      const backend = {
        pid: 9000 + generation,
        version: this.world.snapshot.app.version,
        base_url: `http://127.0.0.1:${ports.at(-1)?.port}`,
        ready_ms: 182.4,
      };
      this.emit({
        type: "backend_ready",
        role,
        generation,
        backend,
        ports: seen.map((port) => ({ ...port, state: "own_stale", in_use_by_app: true })),
      });
    }, 300);
  }

  #stop(role: Role): void {
    const generation = this.role(role).generation + 1;
    this.emit({ type: "backend_stopping", role, generation });
    setTimeout(() => this.emit({ type: "backend_exited", role, generation, status: "exit status 0" }), 300);
  }
}
