// The situations that the page can be looked at in: /?fake=conflict&lang=zh-CN&theme=dark#/ports

import type {
  LeftBehind,
  Failure,
  FleetAgent,
  HolderView,
  Launch,
  PortStatus,
  PortView,
  RoleState,
  RoleView,
  UpdateFailure,
  UpdatesView,
} from "../../generated/ipc";
import { isAboutPorts } from "../../words/failure";
import { manyEvents } from "./agent";
import { imported } from "./diagnostics";
import { FakeHost, refusal, type World } from "./host";
import { agentPorts, offHub, port, readyAgent, readyHub, snapshot } from "./roles";
import { offer, updates } from "./updates";
import { ordinary } from "./world";

const python: HolderView = {
  pid: 1234,
  name: "python3",
  exe: "/usr/bin/python3",
  user: "anna",
  role: null,
  ours: false,
  command_line: "python3 -m http.server 5680",
  since: Date.now() - 1_320_000,
  is_under_systemd: true,
};
const hubProcess: HolderView = {
  pid: 921,
  name: "taskpaw-backend",
  exe: null,
  user: "anna",
  role: "hub",
  ours: false,
};
const otherInstallation: HolderView = {
  pid: 4321,
  name: "taskpaw-backend",
  exe: "/opt/taskpaw/taskpaw-backend",
  user: "anna",
  role: "agent",
  ours: false,
};
const otherUser: HolderView = {
  pid: 77,
  name: "taskpaw-backend",
  exe: null,
  user: "ben",
  role: "agent",
  ours: false,
};
const log = [
  "2026-03-02T09:14:05.102Z  INFO taskpaw_backend: TaskPaw 4.1.0, role agent, pid 913",
  "2026-03-02T09:14:05.131Z ERROR taskpaw_backend: thread 'main' panicked at a monitor",
];

const states: Partial<Record<PortStatus, Partial<PortView>>> = {
  foreign: { holders: [python], suggestion: 5682 },
  own_other_installation: { holders: [otherInstallation], suggestion: 5682 },
  own_other_role: { holders: [hubProcess], suggestion: 5682 },
  own_other_user: { holders: [otherUser], suggestion: 5682 },
  unknown_holder: { suggestion: 5682 },
  occupied: { holders: [python], suggestion: 5682 },
  lingering: { suggestion: 5682 },
  reserved: { suggestion: 5682 },
  permission_denied: { port: 80, suggestion: 5682 },
  address_unavailable: { host: "192.168.7.20" },
  self_collision: { port: 5681, suggestion: 5682 },
  invalid: { host: "my computer" },
};

function agentIn(state: RoleState, ports = agentPorts(), change: Partial<RoleView> = {}): World {
  const at = Date.now();
  const generation = 2;
  const role = "agent";
  const timeline: RoleView["timeline"] = [
    { at: at - 40, event: { type: "takeover_started", role, generation, ports: agentPorts() } },
  ];
  if (state.kind === "backoff" || state.kind === "waiting" || state.kind === "failed") {
    const { failure } = state;
    if (isAboutPorts(failure))
      timeline.push({ at: at - 20, event: { type: "port_conflict", role, generation, ports } });
    else if (failure.kind === "v3_busy")
      timeline.push({
        at: at - 30,
        event: { type: "reclaim_started", role, generation, ports, pids: [failure.pid] },
      });
    else timeline.push({ at: at - 30, event: { type: "backend_starting", role, generation, ports } });
    timeline.push({
      at,
      event:
        state.kind === "failed"
          ? { type: "backend_failed", role, generation, failure, retry_ms: state.retry_ms }
          : state.kind === "waiting"
            ? { type: "backend_waiting", role, generation, failure }
            : {
                type: "backend_backoff",
                role,
                generation,
                failure,
                wait_ms: state.wait_ms,
                attempt: state.attempt,
              },
    });
  }
  const agent = { ...readyAgent(), generation, state, ports, last_takeover: null, timeline, ...change };
  return { ...ordinary(), snapshot: snapshot(agent, offHub()) };
}

const failed = (failure: Failure, retry_ms: number | null = null): World =>
  agentIn({ kind: "failed", failure, retry_ms });

/** An earlier or a later backend of ours has the ports and is left alone. */
function left(failure: Failure): World {
  const ours: HolderView = { ...otherInstallation, ours: true };
  const ports = agentPorts({ state: "own_stale", outlook: "refuses", holders: [ours] }).map((port, at) => ({
    ...port,
    outlook: "refuses" as const,
    suggestion: 5682 + at,
  }));
  return agentIn({ kind: "waiting", failure }, ports);
}

/** A port in one state, which the agent waits for. */
function conflict(state: PortStatus): World {
  const ports = [
    port("network", 5680, { state, ...states[state] }),
    port("control", 5681, state === "self_collision" ? { state, suggestion: 5683 } : { state: "free" }),
  ];
  const failure = { kind: "port_conflict" } as const;
  const world = agentIn({ kind: "waiting", failure }, ports);
  const holders = ports[0]?.holders ?? [];
  return { ...world, taken: { 5680: { state, holders } } };
}

function problem(of: NonNullable<World["snapshot"]["problem"]>, copy = true): World {
  const world = agentIn({ kind: "stopped" }, agentPorts(), { generation: 0, timeline: [] });
  world.snapshot = {
    ...world.snapshot,
    problem: of,
    app: { ...world.snapshot.app, has_last_good_config: copy },
  };
  return world;
}

/** Nothing has been started: another app has the place. */
function launching(launch: Launch): World {
  const world = agentIn({ kind: "stopped" }, agentPorts(), { generation: 0, timeline: [] });
  world.snapshot = { ...world.snapshot, app: { ...world.snapshot.app, launch } };
  return world;
}

/** Something is known of a new version. */
function updating(change: Partial<UpdatesView>, version = "4.1.0"): World {
  const world = ordinary();
  const { app, ...rest } = world.snapshot;
  world.snapshot = { ...rest, app: { ...app, version, updates: updates(change) } };
  return world;
}

export const scenarios = {
  ready: ordinary,
  connecting: () => ({ ...ordinary(), delay: 1e8 }),
  lost: () => ({ ...ordinary(), refuse: { snapshot: refusal("internal", "the host's task has ended") } }),
  starting: () => {
    const world = ordinary();
    const agent = readyAgent();
    const timeline = agent.timeline.slice(0, -1);
    world.snapshot = snapshot({ ...agent, state: { kind: "starting" }, timeline }, offHub());
    return world;
  },
  looking: () => agentIn({ kind: "taking_over", progress: "looking" }),
  ending: () => {
    const agent = readyAgent();
    const state = { kind: "taking_over", progress: "ending" } as const;
    return {
      ...ordinary(),
      snapshot: snapshot(
        { ...agent, state, last_takeover: null, timeline: agent.timeline.slice(0, 3) },
        offHub(),
      ),
    };
  },
  lingering: () => agentIn({ kind: "lingering", seconds_left: 42, cause: "connections" }),
  "lingering-not-allowed": () => agentIn({ kind: "lingering", seconds_left: 42, cause: "not_allowed" }),
  "v3-busy": () =>
    failed({
      kind: "v3_busy",
      pid: 812,
      children: [
        { pid: 901, name: "lada-cli" },
        { pid: 955, name: "rsync" },
      ],
    }),
  displaced: () => left({ kind: "displaced", pid: 4321, name: "taskpaw-backend", version: "4.1.0" }),
  "not-allowed": () => left({ kind: "not_allowed", pid: 4321, name: "taskpaw-backend", version: "4.1.0" }),
  stopping: () => agentIn({ kind: "stopping" }),
  stopped: () => agentIn({ kind: "stopped" }, agentPorts(), { timeline: [] }),
  waiting: () => launching({ kind: "waiting", version: "3.9.2", pid: 812, for_turn: false }),
  "waiting-for-turn": () => launching({ kind: "waiting", version: "4.0.9", pid: null, for_turn: true }),
  kept: () =>
    launching({
      kind: "kept",
      version: "3.9.2",
      because: {
        role: "agent",
        failure: { kind: "spawn_failed", program: "taskpaw-backend", missing: true, message: "not found" },
      },
      may_start: false,
    }),
  "kept-slow": () =>
    launching({
      kind: "kept",
      version: "3.9.2",
      because: { role: "agent", failure: { kind: "not_ready", seconds: 10, log: ["reading the state"] } },
      may_start: true,
    }),
  "other-start": () => {
    const world = ordinary();
    const other_start = { version: "4.0.0", program: "/opt/taskpaw-4.0.0/taskpaw" };
    world.snapshot = { ...world.snapshot, app: { ...world.snapshot.app, other_start } };
    return world;
  },
  "lost-data": () => {
    const world = ordinary();
    world.snapshot = { ...world.snapshot, app: { ...world.snapshot.app, lost_data: true } };
    return world;
  },
  "not-replaced": () => {
    const world = ordinary();
    const failure: Failure = { kind: "not_ready", seconds: 10, log: ["reading the state"] };
    const failed_successor = { version: "4.2.0", because: { role: "agent" as const, failure } };
    world.snapshot = { ...world.snapshot, app: { ...world.snapshot.app, failed_successor } };
    return world;
  },
  blocked: () =>
    launching({
      kind: "blocked",
      message: "there is no record of who it is",
    }),
  off: () => ({
    ...ordinary(),
    snapshot: snapshot(
      { ...readyAgent(), enabled: false, state: { kind: "stopped" }, timeline: [] },
      offHub(),
    ),
  }),
  conflict: () => conflict("foreign"),
  "conflict-two": () => {
    const ports = [
      port("network", 5680, { state: "foreign", holders: [python], suggestion: 5682 }),
      port("control", 5681, { state: "unknown_holder", suggestion: 5683 }),
    ];
    const taken: World["taken"] = {
      5680: { state: "foreign", holders: [python] },
      5681: { state: "unknown_holder", holders: [] },
    };
    return { ...agentIn({ kind: "waiting", failure: { kind: "port_conflict" } }, ports), taken };
  },
  "conflict-other-role": () => {
    const world = conflict("own_other_role");
    return { ...world, snapshot: { ...world.snapshot, roles: [world.snapshot.roles[0]!, readyHub()] } };
  },
  "conflict-other-installation": () => conflict("own_other_installation"),
  "conflict-other-user": () => conflict("own_other_user"),
  "conflict-unknown": () => conflict("unknown_holder"),
  "conflict-occupied": () => conflict("occupied"),
  "conflict-lingering": () => conflict("lingering"),
  "conflict-reserved": () => conflict("reserved"),
  "conflict-permission": () => conflict("permission_denied"),
  "conflict-address": () => conflict("address_unavailable"),
  "conflict-collision": () => conflict("self_collision"),
  "conflict-invalid": () => conflict("invalid"),
  backoff: () =>
    agentIn({
      kind: "backoff",
      attempt: 3,
      wait_ms: 8000,
      failure: { kind: "exited", status: "exit status 1", log },
    }),
  failed: () => failed({ kind: "not_ready", seconds: 10, log }, 240_000),
  "failed-spawn": () =>
    failed({
      kind: "spawn_failed",
      missing: false,
      program: "/opt/taskpaw/taskpaw-backend",
      message: "Permission denied (os error 13)",
    }),
  "failed-version": () => failed({ kind: "wrong_version", backend: "3.9.2" }),
  "failed-startup": () =>
    failed({
      kind: "startup_error",
      code: "state_too_new",
      message: "state.db has schema 9, this version knows 4",
      port: null,
    }),
  "failed-takeover": () =>
    failed({ kind: "takeover", message: "pid 812 no longer holds the port; the takeover was called off" }),
  problem: () =>
    problem({
      kind: "syntax",
      path: "/home/anna/.config/TaskPaw/config.json",
      line: 7,
      column: 23,
      reason: "expected `,` or `}`",
    }),
  "problem-key": () => problem({ kind: "port_range", key: "agent.network.port", value: 70000 }, false),
  "problem-exposure": () =>
    problem({ kind: "exposure", key: "agent.network.host", address: "0.0.0.0", reason: "wildcard" }),
  "update-installed-by-hand": () => {
    const world = ordinary();
    world.snapshot = { ...world.snapshot, app: { ...world.snapshot.app, update: "4.2.0" } };
    return world;
  },
  "update-question": () => updating({ looks: "not_asked", state: { kind: "idle" }, checked_at: null }),
  "update-offered": () => updating({ looks: "no", state: { kind: "offered", offer } }),
  "update-downloading": () => updating({ state: { kind: "downloading", offer, received: 8_500_000 } }),
  "update-paused": () =>
    updating({
      state: { kind: "paused", offer, code: "unreachable", goes_on_at: Date.now() + 600_000 },
    }),
  "update-no-space": () => updating({ state: { kind: "paused", offer, code: "no_space", goes_on_at: null } }),
  "update-ready": () => updating({ state: { kind: "ready", offer: { ...offer, security: true } } }),
  "update-command": () =>
    updating({
      way: { kind: "deb" },
      state: {
        kind: "command",
        offer,
        command: "sudo apt install '/home/anna/.cache/TaskPaw/updates/taskpaw_4.2.0_amd64.deb'",
      },
    }),
  "update-by-hand": () =>
    updating({
      way: { kind: "by_hand" },
      state: {
        kind: "by_hand",
        offer,
        address: "https://example.org/taskpaw/4.2.0/TaskPaw_4.2.0_linux_x64.tar.gz",
      },
    }),
  "update-no-permission": () =>
    updating({
      way: { kind: "no_permission", folder: "/opt/taskpaw" },
      state: {
        kind: "by_hand",
        offer,
        address: "https://example.org/taskpaw/4.2.0/TaskPaw_4.2.0_linux_x64.tar.gz",
      },
    }),
  "update-came-back": () => {
    const failure: UpdateFailure = {
      reason: "ended",
      detail: "thread 'main' panicked at src/start.rs:88: index out of bounds",
    };
    return updating({
      state: { kind: "failed_before", offer, failure },
      outcome: { kind: "came_back", version: "4.2.0", failure },
    });
  },
  "update-done": () =>
    updating(
      {
        outcome: { kind: "installed", version: "4.2.0", from: "4.1.0", notes: offer.notes },
        changed: { version: "4.2.0", from: "4.1.0", notes: offer.notes },
      },
      "4.2.0",
    ),
  "update-refused": () => updating({ state: { kind: "refused", code: "expired" } }),
  "update-forbidden": () =>
    updating({ looks: "not_asked", forbidden_by: "/etc/taskpaw/no-updates", state: { kind: "idle" } }),
  "update-no-feed": () => updating({ looks: "not_asked", has_feed: false, state: { kind: "idle" } }),
  new: () => {
    const world = ordinary();
    const { app } = world.snapshot;
    const preferences = { ...app.preferences, notifications_offered: false };
    const asks = updates({ looks: "not_asked", state: { kind: "idle" }, checked_at: null });
    return { ...world, snapshot: { ...world.snapshot, app: { ...app, preferences, updates: asks } } };
  },
  told: () => {
    const world = ordinary();
    const { app } = world.snapshot;
    const preferences = { ...app.preferences, notifications: true };
    return { ...world, snapshot: { ...world.snapshot, app: { ...app, preferences } } };
  },
  hub: () => ({ ...ordinary(), snapshot: snapshot(readyAgent(), readyHub()) }),
  many: () => ({ ...ordinary(), events: manyEvents(10_000) }),
  "many-machines": () => {
    const world = ordinary();
    const [known] = world.fleet.agents;
    const agents = Array.from({ length: 50 }, (_, index): FleetAgent => {
      const name = `render-${String(index + 1).padStart(2, "0")}`;
      return { ...structuredClone(known!), name, url: `http://192.168.1.${index + 1}:5680` };
    });
    const fleet = { ...world.fleet, agents, offers: [] };
    return { ...world, fleet, events: manyEvents(10_000), snapshot: snapshot(readyAgent(), readyHub()) };
  },
  closing: () => {
    const world = ordinary();
    world.snapshot = { ...world.snapshot, app: { ...world.snapshot.app, is_close_asked: true } };
    return world;
  },
  imported: () => {
    const world = ordinary();
    const { app, ...rest } = snapshot(readyAgent(), readyHub());
    return { ...world, snapshot: { ...rest, app: { ...app, imported } } };
  },
  "left-behind": () => {
    const world = ordinary();
    const { app, ...rest } = snapshot(readyAgent(), readyHub());
    const left_behind: LeftBehind = {
      folder: "/etc/taskpaw",
      kinds: ["machines", "webhook", "status_file"],
    };
    return { ...world, snapshot: { ...rest, app: { ...app, left_behind } } };
  },
  "hub-empty": () => ({
    ...ordinary(),
    snapshot: snapshot(readyAgent(), readyHub()),
    fleet: { agents: [], offers: ordinary().fleet.offers, webhook: null },
  }),
  bare: () => {
    const world = ordinary();
    const status = world.status;
    return {
      ...world,
      events: [],
      logs: [],
      monitors: world.monitors.slice(0, 1),
      status: () => ({ ...status(), monitors: { host_metrics: status().monitors["host_metrics"]! } }),
    };
  },
} satisfies Record<string, () => World>;

export type Scenario = keyof typeof scenarios;

export function fakeHost(scenario: Scenario): FakeHost {
  return new FakeHost(scenarios[scenario]());
}
