// Every sentence about a port, a problem and a failure, in both languages, word for word.

import { beforeEach, describe, expect, it } from "vitest";

import type {
  Apply,
  ApplyStep,
  ConfigProblem,
  ExposureReason,
  Failure,
  HolderView,
  MonitorState,
  MonitorStatus,
  PortState,
  PortStatus,
  RoleState,
  StartupErrorCode,
  TookOver,
} from "../src/generated/ipc";
import { en } from "../src/locales/en";
import { readable } from "../src/state/log";
import { speak } from "../src/locales/language.svelte";
import { zhCN } from "../src/locales/zh-CN";
import { journal as records } from "../src/platform/fake/diagnostics";
import { port, readyAgent } from "../src/platform/fake/roles";
import { rowsOfAgent } from "../src/state/events";
import { applyEnd, applySteps } from "../src/words/apply";
import { eventWords } from "../src/words/event";
import { failureWords } from "../src/words/failure";
import { endedWith, journalTitle } from "../src/words/journal";
import { monitorDetail, monitorName } from "../src/words/monitor";
import { ago, bytesText, milliseconds, seconds, uptime } from "../src/words/numbers";
import { address, holdsUp, portAdvice, portPhrase, refuses } from "../src/words/ports";
import { problemPlace, problemReason, problemSentence } from "../src/words/problem";
import { changedVersion, portsPhrases, steps, tookOverPhrase } from "../src/words/timeline";

const python: HolderView = { pid: 1234, name: "python3", exe: null, user: "anna", role: null, ours: false };
const nginx: HolderView = { ...python, pid: 88, name: null, exe: "/usr/sbin/nginx" };
const backend: HolderView = { ...python, pid: 2210, name: "taskpaw-backend" };
const hidden: HolderView = { ...python, pid: 5, name: null };

const languages = ["en", "zh-CN"] as const;

const states: PortStatus[] = [
  "free",
  "own_stale",
  "own_other_installation",
  "own_other_role",
  "own_other_user",
  "foreign",
  "unknown_holder",
  "occupied",
  "lingering",
  "reserved",
  "permission_denied",
  "address_unavailable",
  "self_collision",
  "invalid",
];

beforeEach(() => speak("en"));

describe("ports", () => {
  it("names the holder exactly", () => {
    const held = port("network", 5680, { state: "foreign", holders: [python] });
    expect(portPhrase(held, "agent")).toBe("held by python3 (pid 1234)");
    speak("zh-CN");
    expect(portPhrase(held, "agent")).toBe("已被占用：python3（进程号 1234）");
  });

  it("names several holders, and those that are half known", () => {
    const held = port("network", 5680, { state: "foreign", holders: [python, nginx, hidden] });
    expect(portPhrase(held, "agent")).toBe(
      "held by python3 (pid 1234), nginx (pid 88) and a program that cannot be named (pid 5)",
    );
  });

  it.each(languages)("has a sentence and advice for each state in %s", (language) => {
    speak(language);
    const holders: Partial<Record<PortStatus, HolderView[]>> = {
      foreign: [python],
      occupied: [python],
      own_stale: [backend],
      own_other_installation: [backend],
      own_other_role: [backend],
      own_other_user: [backend],
    };
    const sentences = states.map((state) => {
      const known = port("network", 5680, { state, holders: holders[state] ?? [] });
      return `${state}: ${portPhrase(known, "agent")} | ${portAdvice(known, "agent")}`;
    });
    expect(sentences).toMatchSnapshot();
    // Two states that read alike would be merged for the person.
    expect(new Set(sentences.map((text) => text.split(": ")[1])).size).toBe(states.length);
  });

  it.each(languages)("names TaskPaw 3 where it was and somebody else holds a port in %s", (language) => {
    speak(language);
    const advice = (state: PortStatus) => portAdvice(port("network", 5680, { state }), "agent", true);
    expect([advice("unknown_holder"), advice("own_other_user")]).toMatchSnapshot();
    expect(advice("foreign")).toBe(portAdvice(port("network", 5680, { state: "foreign" }), "agent"));
  });

  it.each(languages)("has a sentence for each state without a known holder in %s", (language) => {
    speak(language);
    const phrases = [
      ...states.map((state) => portPhrase(port("api", 5690, { state }), "hub")),
      portPhrase(port("api", 5690), "hub"),
      portPhrase(port("api", 5690, { state: "own_stale", in_use_by_app: true }), "hub"),
    ];
    expect(phrases).toMatchSnapshot();
  });

  it("refuses in the states in which a start is refused", () => {
    const refusing = states.filter((state) => refuses(port("api", 1, { state })));
    expect(states.filter((state) => !refusing.includes(state))).toEqual(["free", "own_stale", "lingering"]);
    const holding = states.filter((state) => holdsUp(port("api", 1, { state })));
    expect(states.filter((state) => !holding.includes(state))).toEqual(["free", "own_stale"]);
    expect(refuses(port("api", 1, { state: "own_stale", in_use_by_app: true }))).toBe(false);
    expect(refuses(port("api", 1))).toBe(false);
  });

  it("writes IPv6 addresses with brackets", () => {
    expect(
      [
        { host: "::1", port: 1 },
        { host: "[::1]", port: 1 },
        { host: "localhost", port: 1 },
      ].map(address),
    ).toEqual(["[::1]:1", "[::1]:1", "localhost:1"]);
  });
});

describe("problems", () => {
  const path = "/home/anna/.config/TaskPaw/config.json";
  const exposures: ExposureReason[] = ["wildcard", "public", "no_token", "control_off_loopback"];
  const problems: ConfigProblem[] = [
    { kind: "unreadable", path, reason: "Permission denied (os error 13)" },
    { kind: "syntax", path, line: 7, column: 23, reason: "expected `,` or `}`" },
    { kind: "value", key: "hub.poll_seconds", reason: "is a text, not a number" },
    { kind: "port_range", key: "agent.network.port", value: 70000 },
    { kind: "not_an_address", key: "agent.network.host", value: "my computer" },
    ...exposures.map((reason): ConfigProblem => ({
      kind: "exposure",
      key: "agent.network.host",
      address: "0.0.0.0",
      reason,
    })),
    { kind: "too_new", schema: 2, known: 1 },
    { kind: "no_last_good", path: `${path}.last-good` },
    { kind: "unwritable", path, reason: "Read-only file system (os error 30)" },
  ];

  it.each(languages)("has a sentence for each kind in %s", (language) => {
    speak(language);
    const sentences = problems.map((problem) =>
      [
        problemSentence(problem),
        ...problemPlace(problem).map(({ label, value }) => `${label} ${value}`),
        problemReason(problem),
      ]
        .filter(Boolean)
        .join(" | "),
    );
    expect(sentences).toMatchSnapshot();
  });
});

describe("failures", () => {
  const codes: StartupErrorCode[] = [
    "config_invalid",
    "config_unwritable",
    "port_in_use",
    "bind_address_unavailable",
    "exposure_refused",
    "state_unavailable",
    "state_locked",
    "state_denied",
    "state_read_only",
    "state_damaged",
    "disk_full",
    "state_too_new",
    "startup_failed",
  ];
  const failures: Failure[] = [
    { kind: "takeover", message: "called off" },
    { kind: "config", problem: { kind: "too_new", schema: 2, known: 1 } },
    {
      kind: "spawn_failed",
      program: "/opt/taskpaw/taskpaw-backend",
      missing: false,
      message: "Permission denied",
    },
    {
      kind: "spawn_failed",
      program: "/opt/taskpaw/taskpaw-backend",
      missing: true,
      message: "No such file or directory",
    },
    { kind: "broken_protocol", message: "two lines", log: ["last words"] },
    { kind: "wrong_version", backend: "3.9.2" },
    { kind: "not_ready", seconds: 20, log: [] },
    { kind: "exited", status: "exit status 1", log: [] },
    { kind: "unhealthy", missed: 3, log: [] },
    { kind: "displaced", pid: 812, name: "TaskPaw", version: "3" },
    { kind: "displaced", pid: 812, name: "taskpaw-backend", version: null },
    { kind: "not_allowed", pid: 812, name: "taskpaw-backend", version: "4.0.0" },
    { kind: "v3_busy", pid: 812, children: [{ pid: 901, name: "lada-cli" }] },
    ...codes.map((code): Failure => ({ kind: "startup_error", code, message: "…", port: null })),
    {
      kind: "startup_error",
      code: "port_in_use",
      message: "…",
      port: { name: "api", host: "127.0.0.1", port: 5690 },
    },
  ];

  it.each(languages)("has a title and advice for each kind in %s", (language) => {
    speak(language);
    expect(
      failures.map((failure) => {
        const { title, text } = failureWords(failure, "4.0.0");
        return `${title} | ${text}`;
      }),
    ).toMatchSnapshot();
  });
});

describe("timeline", () => {
  it.each(languages)("tells a start that replaced something in %s", (language) => {
    speak(language);
    expect(steps(readyAgent()).map(({ text }) => text)).toMatchSnapshot();
  });

  it("says that a newer app was replaced by an older one", () => {
    const from = { version: "4.0.10", pid: 812, forced: false, ms: 41 };
    expect(tookOverPhrase(from, "4.0.9")).toBe(
      "replaced TaskPaw 4.0.10 (pid 812) in 41 ms; 4.0.9 is older, and leaves alone what only 4.0.10 can read",
    );
    for (const own of ["4.0.10", "4.0.11", "4.1.0", "5.0.0-beta.1"]) {
      expect(tookOverPhrase(from, own)).toBe("replaced TaskPaw 4.0.10 (pid 812) in 41 ms");
    }
  });

  it("says which way the ports of a role came", () => {
    const from: TookOver = { version: "4.1.0", pid: 812, forced: false, ms: 41 };
    expect(portsPhrases(from, "agent")).toEqual([]);
    const ports: TookOver["ports"] = [
      { role: "agent", way: "passed_on" },
      { role: "hub", way: "not_passed" },
    ];
    expect(portsPhrases({ ...from, ports }, "agent")).toEqual(["took the ports over without a gap"]);
    expect(portsPhrases({ ...from, ports }, "hub")).toEqual([
      "took the ports after the earlier version had let go of them",
    ]);
  });

  it("says that the version is another one now, and nothing if it is the same", () => {
    const from = { version: "4.0.0", pid: 812, forced: false, ms: 30 };
    expect(changedVersion(from, "4.1.0")).toEqual({
      title: "Updated to 4.1.0",
      text: "Took over from 4.0.0 in 30 ms.",
    });
    expect(changedVersion({ ...from, version: "4.2.0" }, "4.1.0")?.title).toBe("Back on 4.1.0");
    expect(changedVersion({ ...from, forced: true, ms: 5200 }, "4.1.0")?.text).toBe(
      "4.0.0 did not answer and was ended; taking over took 5.2 s.",
    );
    expect(changedVersion(from, "4.0.0")).toBeNull();
    expect(changedVersion({ ...from, version: null }, "4.1.0")).toBeNull();
  });

  it("says what was replaced as people write it", () => {
    const texts = steps(readyAgent()).map(({ text }) => text);
    expect(texts).toContain("replaced taskpaw-backend 3.9.2 (pid 812) in 41 ms");
    expect(texts).toContain("ready in 180 ms");
  });
});

describe("the journal", () => {
  it.each(languages)("says what ended with a holder, in %s", (language) => {
    speak(language);
    const words = language === "en" ? en.journal : zhCN.journal;
    const [holder] = records[0]!.holders;
    expect(endedWith(holder!)).toEqual([]);
    const children = [
      { pid: 901, name: "lada-cli", left: true },
      { pid: 955, name: "rsync", left: false },
    ];
    const said = endedWith({ ...holder!, children, lost: "it answers with status 401" });
    const starts = [words.children_ended, words.children_left, words.lost].map((it) => it.split("{{")[0]!);
    expect(said.map((line, at) => line.startsWith(starts[at]!))).toEqual([true, true, true]);
    expect([said[0]!.includes("rsync"), said[1]!.includes("lada-cli"), said[2]!.includes("401")]).toEqual([
      true,
      true,
      true,
    ]);
  });

  it.each(languages)("says of a refused start whether somebody has the port, in %s", (language) => {
    speak(language);
    const refused = (state: PortState) =>
      journalTitle({
        schema: 1,
        at: 0,
        version: "4.0.0",
        role: "agent",
        decision: "refuse",
        outcome: "refused",
        reason: null,
        elapsed_ms: 1,
        ports: [{ name: "network", host: "127.0.0.1", port: 5680, state, holders: [] }],
        holders: [],
      });
    const words = language === "en" ? en.journal : zhCN.journal;
    for (const state of ["foreign", "unknown_holder", "own_other_role", "own_other_user"] as const)
      expect(refused(state)).toBe(words.refused);
    for (const state of ["reserved", "permission_denied", "address_unavailable", "self_collision"] as const)
      expect(refused(state)).toBe(words.refused_unusable);
  });
});

describe("a handover in the journal", () => {
  it.each(languages)("says which way the ports came, in %s", (language) => {
    speak(language);
    const words = language === "en" ? en.journal : zhCN.journal;
    for (const way of ["passed_on", "not_passed", "not_usable"] as const)
      expect(journalTitle({ ...records[0]!, decision: null, holders: [], way })).toBe(words[`way_${way}`]);
  });
});

describe("a change of ports", () => {
  const change = (step: ApplyStep, reason: Failure | null = null): Apply => ({
    step,
    keep: true,
    reason,
    ports: [],
  });
  const exited: Failure = { kind: "exited", status: "exit status 7", log: [] };
  const told = (...how: Parameters<typeof applySteps>) =>
    applySteps(...how)
      .map(({ step, state }) => `${step} ${state}`)
      .join(", ");

  it("shows what is planned while it goes forward", () => {
    expect(told(change("stopping"), "stopping", "stopping")).toBe(
      "checking done, saving done, stopping doing, starting pending, confirming pending",
    );
  });

  it("shows what was taken once it goes back, and how each came out", () => {
    const back = change("rolled_back", exited);
    expect(told(change("rolling_back", exited), "starting", "starting")).toBe(
      "checking done, saving done, stopping done, starting failed, rolling_back doing",
    );
    expect(told(back, "starting", "ready")).toBe(
      "checking done, saving undone, stopping undone, starting failed, rolling_back done",
    );
    expect(told(back, "starting", "backoff")).toBe(
      "checking done, saving undone, stopping done, starting failed, rolling_back doing",
    );
    expect(told(back, "confirming", "failed")).toBe(
      "checking done, saving undone, stopping done, starting undone, confirming failed, rolling_back failed",
    );
    expect(told(back, "saving", "ready")).toBe("checking done, saving failed, rolling_back done");
  });

  it("calls no step failed that a person broke off, or of which this window has not heard", () => {
    expect(told(change("rolled_back"), "stopping", "stopped")).toBe(
      "checking done, saving undone, stopping done, rolling_back done",
    );
    expect(told(change("rolled_back", exited), null, "ready")).toBe(
      "checking done, saving undone, rolling_back done",
    );
  });

  it("shows only what was done where nothing had to be started, or nothing was changed", () => {
    expect(told(change("kept"), "saving", "stopped")).toBe("checking done, saving done");
    expect(told(change("refused"), "checking", "ready")).toBe("checking failed");
  });

  it.each(languages)("says in %s that all is as before only once the role runs again", (language) => {
    speak(language);
    const states: RoleState[] = [
      { kind: "ready", backend: { pid: 1, version: "4.0.0", base_url: "", ready_ms: 1 } },
      { kind: "starting" },
      { kind: "backoff", wait_ms: 500, attempt: 1, failure: exited },
      { kind: "waiting", failure: { kind: "port_conflict" } },
      { kind: "failed", failure: exited, retry_ms: null },
      { kind: "stopped" },
    ];
    const ends = ["kept", "rolled_back"] as const;
    expect(
      ends.map((step) =>
        states.map((state) => applyEnd(change(step), { ...readyAgent(), state }, "4.0.0")?.text),
      ),
    ).toMatchSnapshot();
  });
});

describe("monitors", () => {
  const status = (
    type_id: string,
    state: MonitorState,
    metrics: MonitorStatus["metrics"],
    detail = "as the agent says",
  ): MonitorStatus => ({ type_id, state, detail, metrics, last_update: null });
  const task = { processes: 0, running_seconds: null, last_run_seconds: 60, last_exit_status: 0 };
  const found: MonitorStatus[] = [
    status("host_metrics", "ok", { cpu_percent: 12.4, memory_used_bytes: 2, memory_total_bytes: 8 }),
    status("host_metrics", "degraded", { cpu_percent: 97, disk_used_bytes: 96, disk_total_bytes: 100 }),
    status("process", "ok", { processes: 2, running_seconds: 7_380 }),
    status("process", "error", { processes: 0, running_seconds: null }, "no process matches nginx"),
    status("task", "running", { ...task, running_seconds: 45 }),
    status("task", "idle", { ...task, last_run_seconds: null }),
    status("task", "idle", task),
    status("task", "idle", { ...task, last_exit_status: null }),
    status("tcp_check", "ok", { listening: true, connect_ms: 3.14 }),
    status("tcp_check", "error", { listening: false, connect_ms: null }, "nobody listens there"),
    status("http_check", "ok", { status: 200, response_ms: 41 }),
    status("http_check", "degraded", { status: 500, response_ms: 41 }, "answers with 500"),
    status("http_check", "error", { status: null, response_ms: null }, "no answer within 10 s"),
    status("folder", "idle", { files: 3, arriving: 0, completed: 0 }),
    status("folder", "idle", { files: 3, arriving: 0, completed: 2 }),
    status("folder", "running", { files: 3, arriving: 1, completed: 2 }),
    status("log_pattern", "running", { progress_percent: 45.8, lines: 9 }),
    status("log_pattern", "ok", { progress_percent: null, lines: 9 }),
    status("log_pattern", "idle", { progress_percent: null, lines: 0 }),
    status("state_file", "running", { word: "training", age_seconds: 5, busy_seconds: 3_600 }),
    status("state_file", "idle", { word: "", age_seconds: null, busy_seconds: null }),
    status("state_file", "degraded", { word: "done", age_seconds: 111_600, busy_seconds: null }),
    status("heartbeat", "ok", { age_seconds: 12 }),
    status("heartbeat", "error", { age_seconds: null }, "the file is not there"),
    status("comfyui", "running", { running: 1, pending: 3, progress_percent: 25 }),
    status("comfyui", "ok", { running: 0, pending: 0, progress_percent: null }),
    status("comfyui", "error", { running: 0, pending: 2, progress_percent: 50 }, "out of memory"),
    ...["busy", "waiting", "idle", "present_only", "none"].map((state) =>
      status("dev_activity", "idle", {
        ai_state: state,
        tools: [
          { tool: "claude", state },
          { tool: "codex", state: "busy" },
          { tool: "kimi", state: "waiting" },
        ],
      }),
    ),
  ];

  it("says in Chinese what the numbers of each kind say", () => {
    speak("zh-CN");
    expect(found.map((each) => `${each.type_id}: ${monitorDetail(each)}`)).toMatchSnapshot();
  });

  it("leaves English to the agent, which says it more exactly", () => {
    expect(found.map(monitorDetail)).toEqual(found.map(({ detail }) => detail));
  });

  it("never says in Chinese what it does not know: then the agent's own words are there", () => {
    speak("zh-CN");
    const unclear = [
      // The last good numbers of a monitor that is broken itself.
      status("host_metrics", "error", { cpu_percent: 12 }),
      status("process", "error", { processes: 2, running_seconds: 4 }),
      status("tcp_check", "error", { listening: true, connect_ms: 3 }),
      status("folder", "error", { files: 1, arriving: 0, completed: 0 }),
      // Finished, or the file went away.
      status("log_pattern", "idle", { progress_percent: 57, lines: 9 }),
      status("log_pattern", "error", { progress_percent: 57, lines: 9 }),
      // Settings that do not work, a kind of its own, and one of a later version.
      ...[
        "tcp_check",
        "http_check",
        "state_file",
        "heartbeat",
        "process",
        "custom_cmd",
        "comfyui",
        "dev_activity",
        "later",
      ].map((type_id) => status(type_id, "error", {})),
    ];
    expect(new Set(unclear.map(monitorDetail))).toEqual(new Set(["as the agent says"]));
  });

  it("calls what nobody named by what it is", () => {
    expect(["host_metrics", "taskpaw", "Database", "process"].map(monitorName)).toEqual([
      "System resources",
      "Agent",
      "Database",
      "process",
    ]);
  });
});

describe("numbers", () => {
  it("keeps them short", () => {
    expect([0, 999, 1000, 125_952, 33_393_000_000].map(bytesText)).toEqual([
      "0 B",
      "999 B",
      "1.0 KiB",
      "123 KiB",
      "31.1 GiB",
    ]);
    expect([0, 0.4, 4, 41.2, 999.4, 1200, 61_000].map(milliseconds)).toEqual([
      "0 ms",
      "0.4 ms",
      "4 ms",
      "41 ms",
      "999 ms",
      "1.2 s",
      "61 s",
    ]);
    expect([0, 1, 1000, 1001].map(seconds)).toEqual(["0 s", "1 s", "1 s", "2 s"]);
    expect([119_001, 120_001, 240_000].map(seconds)).toEqual(["2 min", "3 min", "4 min"]);
    expect([59, 3600, 3660, 172_800, 275_400].map(uptime)).toEqual([
      "0 min",
      "1 h",
      "1 h 1 min",
      "2 d",
      "3 d 4 h",
    ]);
  });

  it("says how long ago", () => {
    const days = [90_000_000, 172_700_000, 172_800_000];
    const said = (times: number[]) => times.map((ms) => ago(ms));
    expect(said([0, 1000, 95_000, 7_300_000, ...days])).toEqual([
      "just now",
      "1 s ago",
      "1 min ago",
      "2 h 1 min ago",
      "1 d 1 h ago",
      "1 d 23 h ago",
      "2 d ago",
    ]);
    expect(ago(59_000, 60_000)).toBe("just now");
    speak("zh-CN");
    expect(said([200, 8000, 95_000, 172_800_000])).toEqual(["刚刚", "8 秒前", "1 分钟前", "2 天前"]);
  });
});

describe("a log", () => {
  it("is at this machine's time, without the names of modules", () => {
    const time = (at: number) => new Date(at).toISOString().slice(11, 19);
    const line = "2026-03-02T09:14:05.131Z  WARN taskpaw_backend::agent: slow: 3 s";
    expect(readable(line, time)).toBe("09:14:05  WARN  slow: 3 s");
    expect(readable("thread 'main' panicked", time)).toBe("thread 'main' panicked");
  });
});

describe("an event", () => {
  const said = (data: unknown, monitor = "Film") => {
    const event = { id: 1, time: "", machine: "m", monitor, message: "as it was said", title: "Said", data };
    const { title, message } = eventWords(rowsOfAgent([event])[0]!);
    return [title, message];
  };
  it("of something with a very long name still says what happened", () => {
    const name = "Nightly render of the whole second season, camera B, without sound 🎬 take 12";
    expect(said({ kind: "down" }, name)[0]).toBe("Nightly render of the whole se…nd 🎬 take 12 is down");
    expect(said({ kind: "down" }, "x".repeat(44))[0]).toBe(`${"x".repeat(44)} is down`);
  });

  const kinds: [unknown, string, string, string, string][] = [
    [
      { kind: "started", version: "4.0.1" },
      "Agent started",
      "TaskPaw agent 4.0.1 started",
      "监测端已启动",
      "TaskPaw 监测端 4.0.1 已启动",
    ],
    [{ kind: "down" }, "Film is down", "as it was said", "Film 出现故障", "as it was said"],
    [{ kind: "monitor_works" }, "Film is watched again", "", "已恢复监测 Film", ""],
    [
      { kind: "word_changed", from: "busy", to: "" },
      "Film: no file",
      "busy → no file",
      "Film：没有文件",
      "busy → 没有文件",
    ],
    [
      { kind: "high", metric: "cpu", percent: 97.2, threshold: 95 },
      "Processor is high",
      "Processor is at 97%, for several checks in a row",
      "处理器占用过高",
      "处理器连续多次检查都达到 97%",
    ],
    [
      { kind: "task_failed", program: "render", seconds: 42, exit_status: 3 },
      "Film failed",
      "render has failed with exit status 3 after 42 s",
      "Film 失败",
      "render 运行 42 秒后失败，退出状态 3",
    ],
  ];

  it.each(kinds)("of %j is said in both languages", (data, title, message, zhTitle, zhMessage) => {
    speak("en");
    expect(said(data)).toEqual([title, message]);
    speak("zh-CN");
    expect(said(data)).toEqual([zhTitle, zhMessage]);
  });

  it.each([undefined, null, "down", {}, { kind: 7 }, { kind: "of another version" }, { kind: "toString" }])(
    "with %j keeps the agent's own words",
    (data) => expect(said(data)).toEqual(["Said", "as it was said"]),
  );
});
