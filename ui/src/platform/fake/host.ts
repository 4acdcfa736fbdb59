// A host for tests and for the page in an ordinary browser. It is as strict as the real one: a role without a ready
// backend has no data, events are numbered without gaps, and a foreign port stays foreign.

import type {
  AddressChoice,
  AgentEvent,
  AgentStatus,
  AgentTest,
  AlertTest,
  Answers,
  Apply,
  DataKind,
  Event,
  ExposureReason,
  FleetEvent,
  FleetStatus,
  HolderView,
  HostEvent,
  IpcError,
  LogLine,
  MonitorConfig,
  MonitorStatus,
  MonitorType,
  Paired,
  PortDraft,
  PortStatus,
  PortView,
  Request,
  Role,
  RoleData,
  RoleView,
  RunningProgram,
  Snapshot,
  TakeoverRecord,
  TokenName,
} from "../../generated/ipc";
import { holdsUp } from "../../words/ports";
import { history } from "./agent";
import { past } from "./history";
import { fold } from "./fold";
import { unanswered } from "./fleet";
import { withHealth } from "./health";
import { judged } from "./roles";
import { asked } from "./updates";
import type { Command, Platform, RequestOf } from "../types";

/** What the fake machine is like. */
export interface World {
  snapshot: Snapshot;
  /** Who holds which number, besides the app itself. */
  taken: Record<number, { state: PortStatus; holders: HolderView[] }>;
  status: () => AgentStatus;
  events: AgentEvent[];
  fleet: FleetStatus;
  fleetEvents: FleetEvent[];
  logs: LogLine[];
  journal: TakeoverRecord[];
  monitorTypes: MonitorType[];
  monitors: MonitorConfig[];
  tokens: Partial<Record<TokenName, string>>;
  addresses: AddressChoice[];
  /** How a poll of an agent that is tried goes. */
  agentTest: AgentTest;
  /** How a test of a webhook or of ntfy goes. */
  alertTest: AlertTest;
  /** What a monitor that is tried says. */
  trial: MonitorStatus;
  programs: RunningProgram[];
  /** What a person chooses in the system's own window; nothing: they close it. */
  chosenPath: string | null;
  /** The refusal of a command, where a test wants one. */
  refuse: Partial<Record<Command, IpcError>>;
  /** Milliseconds that an answer takes. */
  delay: number;
}

/** After these, what the roles watch is another thing. */
const changing = new Set<Command>([
  "watch",
  "add_monitor",
  "change_monitor",
  "remove_monitor",
  "add_agent",
  "change_agent",
  "remove_agent",
  "pair",
]);

/** How long a start takes. */
const READY_MS = 300;

export function refusal(code: IpcError["code"], message: string, detail: unknown = null): IpcError {
  return { code, message, detail };
}

export class FakeHost implements Platform {
  readonly asked: Request[] = [];
  readonly #hearing = new Set<(event: HostEvent) => void>();
  readonly #shown = new Set<(data: RoleData[]) => void>();
  readonly #dropped = new Set<(paths: string[]) => void>();
  /** What the window shows. */
  wanted: DataKind[] = [];

  constructor(readonly world: World) {}

  onEvent(hear: (event: HostEvent) => void): Promise<() => void> {
    this.#hearing.add(hear);
    return Promise.resolve(() => this.#hearing.delete(hear));
  }

  onData(hear: (data: RoleData[]) => void): Promise<() => void> {
    this.#shown.add(hear);
    return Promise.resolve(() => this.#shown.delete(hear));
  }

  onDrop(hear: (paths: string[]) => void): Promise<() => void> {
    this.#dropped.add(hear);
    return Promise.resolve(() => this.#dropped.delete(hear));
  }

  /** A person drops files on the window. */
  drop(...paths: string[]): void {
    for (const hear of this.#dropped) hear(paths);
  }

  /** Sends what the window shows. */
  push(...data: RoleData[]): void {
    for (const hear of this.#shown) hear(structuredClone(data));
  }

  /** Sends all of it anew, as after a change that somebody made. */
  pushAll(): void {
    if (this.wanted.includes("agent") && this.#isReady("agent"))
      this.push({ kind: "agent", status: this.world.status() });
    if (this.wanted.includes("fleet") && this.#isReady("hub"))
      this.push({ kind: "fleet", status: this.world.fleet });
    if (this.wanted.includes("agent_events") && this.#isReady("agent"))
      this.push({ kind: "agent_events", events: this.world.events.slice(-200) });
    if (this.wanted.includes("fleet_events") && this.#isReady("hub"))
      this.push({ kind: "fleet_events", events: this.world.fleetEvents.slice(0, 200).reverse() });
  }

  #isReady(role: Role): boolean {
    return this.role(role).state.kind === "ready";
  }

  async call<C extends Command>(request: RequestOf<C>): Promise<Answers[C]> {
    this.asked.push(request);
    await new Promise((resolve) => setTimeout(resolve, this.world.delay));
    const refused = this.world.refuse[request.command];
    if (refused) throw refused;
    const answer = structuredClone(await this.#answer(request)) as Answers[C];
    if (changing.has(request.command)) this.pushAll();
    return answer;
  }

  /** Something happens: it is in the snapshot from now on, and whoever listens hears it. */
  emit(event: Event): void {
    const at = Date.now();
    this.world.snapshot = this.#counted(fold(this.world.snapshot, at, event));
    for (const hear of this.#hearing) hear(structuredClone({ at, event, snapshot: this.world.snapshot }));
    if (event.type === "backend_ready") this.pushAll();
  }

  #counted(snapshot: Snapshot): Snapshot {
    return withHealth(snapshot, this.world.status(), this.world.fleet);
  }

  role(role: Role): RoleView {
    const view = this.world.snapshot.roles.find((candidate) => candidate.role === role);
    if (!view) throw refusal("bad_request", `no role ${role}`);
    return view;
  }

  #answer(request: Request): Answers[Command] | Promise<Answers[Command]> {
    switch (request.command) {
      case "snapshot":
        this.world.snapshot = this.#counted(this.world.snapshot);
        return this.world.snapshot;
      case "watch":
        this.wanted = request.data;
        return null;
      case "painted":
      case "page_opened":
      case "send_test_notification":
      case "relaunch":
      case "run_other":
      case "keep_other":
      case "quit":
        return null;
      case "choose_updates":
      case "look_for_update":
      case "download_update":
      case "relaunch_into_update":
      case "put_off_update":
      case "try_update_again":
      case "update_seen":
        this.#changeApp({ updates: asked(request, this.world.snapshot.app.updates) });
        return null;
      case "history": {
        const { agent, monitor, range } = request;
        this.#mustBeReady(agent === null ? "agent" : "hub");
        return past(this.world, agent, monitor, range);
      }
      case "check_now":
        this.#mustBeReady("agent");
        return this.world.monitors.some(({ name, enabled }) => name === request.monitor && enabled);
      case "keep_this":
        this.world.snapshot = {
          ...this.world.snapshot,
          app: { ...this.world.snapshot.app, other_start: null },
        };
        this.emit({ type: "app_changed" });
        return null;
      case "claim_again":
      case "start_all_the_same":
        this.emit({ type: "launch_changed", launch: { kind: "running" } });
        return null;
      case "retry":
      case "replace_v3":
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
        const typed = request.draft.find(({ name }) => name === request.name)?.endpoint.port;
        return this.#free((typed ?? port.port) + 1, request.draft);
      }
      case "apply_ports":
        return this.#apply(request.draft, request.keep);
      case "set_roles":
        this.#setRoles(request.roles);
        return null;
      case "journal":
        return this.world.journal.slice(0, request.limit);
      case "export_diagnostics":
        return `${this.world.snapshot.app.data_dir}/diagnostics/taskpaw-diagnostics.tar.gz`;
      case "import_seen": {
        const { imported } = this.world.snapshot.app;
        if (imported) this.#changeApp({ imported: { ...imported, seen: true } });
        return null;
      }
      case "answer_left_behind":
        this.#changeApp({ left_behind: null });
        return null;
      case "set_start_at_login":
        this.#changeApp({ start_at_login: request.enabled });
        return null;
      case "answer_close":
        this.emit({ type: "close_answered" });
        return null;
      case "show_token":
        return this.world.tokens[request.token] ?? "";
      case "generate_token":
        return "5d41402abc4b2a76b9719d911017c592a1d0c6e83f027327d8461063f4ac58a6";
      case "set_token":
        this.#setToken(request.token, request.value);
        return null;
      case "set_alert_target": {
        const { target, url, token, events } = request.draft;
        const before = this.world.snapshot.app.alerts.find((each) => each.target === target);
        const server = url ? new URL(url).origin : (before?.server ?? "");
        const view = { target, server, events, has_token: token ? true : (before?.has_token ?? false) };
        const others = this.world.snapshot.app.alerts.filter((each) => each.target !== target);
        this.#changeApp({ alerts: [...others, view] });
        if (!this.role("hub").enabled) this.#setRoles(["agent", "hub"]);
        return null;
      }
      case "remove_alert_target":
        this.#changeApp({
          alerts: this.world.snapshot.app.alerts.filter((each) => each.target !== request.target),
        });
        return null;
      case "test_alert_target":
        return this.world.alertTest;
      case "addresses": {
        const token = request.role === "agent" ? this.world.tokens.agent : this.world.tokens.hub;
        return this.world.addresses.map((choice) =>
          token && choice.refused === "no_token" ? { ...choice, refused: null } : choice,
        );
      }
      case "check_exposure":
        return exposure(request.host, request.name, request.has_token);
      case "let_hubs_in": {
        const best = this.world.addresses.find(({ address }) => !address.startsWith("127."));
        const host = request.address ?? best?.address;
        if (!host) throw refusal("no_network", "no network");
        if (!this.world.tokens.agent) this.#setToken("agent", "0123456789abcdef0123456789abcdef");
        const port = this.role("agent").ports.find(({ name }) => name === "network")?.port ?? 5680;
        return this.#apply([{ role: "agent", name: "network", endpoint: { host, port } }], true);
      }
      case "pairing_line": {
        const port = this.role("agent").ports.find(({ name }) => name === "network");
        return `taskpaw-machine 1, ${port?.host}:${port?.port}, ${this.world.tokens.agent}, render-01, 5f0c1a2b`;
      }
      case "pair":
        return this.#pair(request.line);
      case "try_monitor":
        this.#mustBeReady("agent");
        return this.world.trial;
      case "running_programs":
        return this.world.programs;
      case "choose_path":
        return this.world.chosenPath;
      case "open_place":
        return null;
      case "start_afresh":
        this.#configure(null);
        this.#start("agent");
        return `${this.world.snapshot.app.config_dir}/config.json.broken`;
      case "monitor_types":
        this.#mustBeReady("agent");
        return this.world.monitorTypes;
      case "monitors":
        this.#mustBeReady("agent");
        return this.world.monitors;
      case "add_monitor":
        this.#mustBeReady("agent");
        this.world.monitors.push(request.monitor);
        return null;
      case "change_monitor":
        this.#mustBeReady("agent");
        this.world.monitors[this.#indexOf(this.world.monitors, request.name)] = request.monitor;
        return null;
      case "remove_monitor":
        this.#mustBeReady("agent");
        this.world.monitors.splice(this.#indexOf(this.world.monitors, request.name), 1);
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
      case "agent_history":
        this.#mustBeReady("agent");
        return history();
      case "agent_events":
        this.#mustBeReady("agent");
        return this.world.events.slice(-request.limit);
      case "fleet_events": {
        this.#mustBeReady("hub");
        const { server, level, limit } = request;
        return this.world.fleetEvents
          .filter((event) => (!server || event.agent === server) && (!level || event.level === level))
          .slice(0, limit);
      }
      case "add_agent": {
        this.#mustBeReady("hub");
        const { fleet } = this.world;
        fleet.offers = fleet.offers.filter((offer) => offer.url !== request.agent.url);
        fleet.agents.push(unanswered(request.agent));
        return null;
      }
      case "change_agent": {
        this.#mustBeReady("hub");
        const { agents } = this.world.fleet;
        const known = agents[this.#indexOf(agents, request.name)];
        const { name, url, token, enabled } = request.change;
        if (!known) return null;
        known.name = name ?? known.name;
        known.url = url ?? known.url;
        known.enabled = enabled ?? known.enabled;
        if (token !== null) known.has_token = token !== "";
        return null;
      }
      case "remove_agent":
        this.#mustBeReady("hub");
        this.world.fleet.agents.splice(this.#indexOf(this.world.fleet.agents, request.name), 1);
        return null;
      case "test_agent":
        this.#mustBeReady("hub");
        return this.world.agentTest;
    }
  }

  #setToken(token: TokenName, value: string): void {
    this.world.tokens[token] = value;
    const names: TokenName[] = ["agent", "hub", "polling"];
    this.#changeApp({
      tokens: names.filter((name) => this.world.tokens[name]),
      short_tokens: names.filter(
        (name) => name !== "polling" && (this.world.tokens[name]?.length ?? 16) < 16,
      ),
    });
  }

  #pair(line: string): Paired {
    this.#mustBeReady("hub");
    const [word, address, , name] = line.replace(/[\s"]/g, "").split(",");
    if (word !== "taskpaw-machine1" || !address || !name)
      throw refusal(
        "bad_pairing_line",
        "it is no line",
        word?.includes("taskpaw-") ? "other_use" : "not_a_line",
      );
    const test = this.world.agentTest;
    const url = `http://${address}`;
    const { agents } = this.world.fleet;
    const was_known = agents.some((agent) => agent.url === url);
    const is_added = test.error === null;
    if (is_added && !was_known) agents.push(unanswered({ name, url, token: "t", enabled: true }));
    return { name, url, test, is_added, was_known };
  }

  #indexOf(list: { name: string }[], name: string): number {
    const index = list.findIndex((known) => known.name === name);
    if (index < 0) throw refusal("bad_request", `there is no ${name}`);
    return index;
  }

  #changeApp(change: Partial<Snapshot["app"]>): void {
    this.world.snapshot = { ...this.world.snapshot, app: { ...this.world.snapshot.app, ...change } };
    this.#configure(this.world.snapshot.problem);
  }

  #setRoles(wanted: Role[]): void {
    const before = this.world.snapshot.roles.filter(({ enabled }) => enabled).map(({ role }) => role);
    const { preferences } = this.world.snapshot.app;
    this.emit({ type: "config_changed", preferences, enabled: wanted });
    for (const role of before.filter((role) => !wanted.includes(role))) this.#stop(role);
    for (const role of wanted.filter((role) => !before.includes(role))) this.#start(role);
  }

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
      if (port < 1 || port > 65535 || !/^(localhost|[\d.]+|[\da-f:]+)$/i.test(host)) {
        return judged({ ...view, state: "invalid", suggestion: null });
      }
      const suggestion = this.#free(port + 1, draft, offered);
      offered.push(suggestion);
      if (collides) return judged({ ...view, state: "self_collision", suggestion });
      if (port < 1024)
        return judged({ ...view, state: "permission_denied", suggestion: this.#free(5680, draft) });
      if (taken) return judged({ ...view, ...taken, suggestion });
      const mine = this.role(role);
      const own = mine.state.kind === "ready" && mine.ports.some((configured) => configured.port === port);
      return judged({ ...view, state: own ? "own_stale" : "free", in_use_by_app: own, suggestion: null });
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

  async #apply(draft: PortDraft[], keep: boolean): Promise<Apply> {
    const role = draft[0]?.role;
    if (!role) throw refusal("bad_request", "no ports");
    const tell = (change: Partial<Apply>): Apply => {
      const apply = { step: "checking" as const, keep, reason: null, ports: [], ...change };
      this.emit({ type: "apply_progress", role, apply });
      return apply;
    };
    const ports = this.role(role).ports.map((configured): PortView => {
      const wanted = draft.find(({ name }) => name === configured.name);
      return {
        ...configured,
        ...wanted?.endpoint,
        state: null,
        outlook: null,
        in_use_by_app: false,
        holders: [],
        suggestion: null,
      };
    });
    tell({});
    const seen = this.#check(ports.map(({ name, host, port }) => ({ role, name, endpoint: { host, port } })));
    if (seen.some(({ outlook }) => outlook === "refuses")) {
      return tell({ step: "refused", reason: { kind: "port_conflict" }, ports: seen });
    }
    tell({ step: "saving" });
    if (this.role(role).state.kind === "stopped") {
      const roles = this.world.snapshot.roles.map((view) => (view.role === role ? { ...view, ports } : view));
      this.world.snapshot = { ...this.world.snapshot, roles };
      this.#configure(this.world.snapshot.problem);
      return tell({ step: "kept" });
    }
    for (const step of ["stopping", "starting"] as const) tell({ step });
    this.#start(role, ports);
    await new Promise((resolve) => setTimeout(resolve, READY_MS));
    tell({ step: "confirming" });
    return tell({ step: "kept" });
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
        outlook: null,
        in_use_by_app: false,
        holders: [],
        suggestion: null,
      })),
    });
    const seen = this.#check(draft);
    if (seen.some(holdsUp)) {
      this.emit({ type: "port_conflict", role, generation, ports: seen });
      this.emit({ type: "backend_waiting", role, generation, failure: { kind: "port_conflict" } });
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
        ports: seen.map((port) => judged({ ...port, state: "own_stale", in_use_by_app: true })),
      });
    }, READY_MS);
  }

  #stop(role: Role): void {
    const generation = this.role(role).generation + 1;
    this.emit({ type: "backend_stopping", role, generation });
    setTimeout(() => this.emit({ type: "backend_exited", role, generation, status: "exit status 0" }), 300);
  }
}

/** The exposure guard, as far as a page can tell it from a host that is strict. */
function exposure(host: string, name: string, hasToken: boolean): ExposureReason | null {
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return null;
  if (name === "control") return "control_off_loopback";
  if (host === "" || host === "0.0.0.0" || host === "::") return "wildcard";
  if (!/^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\.|^f[cd]/i.test(host)) return "public";
  return hasToken ? null : "no_token";
}
