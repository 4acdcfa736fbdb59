// Twenty holders as they are seen on real systems, each with its sentence, its advice and its step, in both languages, word for
// word. They are recorded here; those that can be made on Linux are met for real in `tests/app/conflicts.rs`.

import { beforeEach, describe, expect, it } from "vitest";

import type { HolderView, PortStatus } from "../src/generated/ipc";
import { speak } from "../src/locales/language.svelte";
import { port } from "../src/platform/fake/roles";
import { holderFacts, holderStep, systemOf, type System } from "../src/words/holder";
import { portAdvice, portPhrase } from "../src/words/ports";

type Seen = Partial<HolderView> | null;

const holders: [what: string, system: System, state: PortStatus, seen: Seen][] = [
  ["a web server of a unit", "linux", "foreign", { name: "nginx", exe: "/usr/sbin/nginx", user: "root" }],
  ["a database of its own account", "linux", "foreign", { name: "postgres", user: "postgres" }],
  ["a container of Docker", "linux", "foreign", { name: "docker-proxy", exe: "/usr/bin/docker-proxy" }],
  [
    "a container of Docker whose service is known",
    "linux",
    "foreign",
    { name: "docker-proxy", run_by: { kind: "unit", unit: "docker.service", of_person: false } },
  ],
  ["a container of Podman", "linux", "foreign", { name: "rootlessport", user: "anna" }],
  ["ssh -L", "linux", "foreign", { name: "ssh", exe: "/usr/bin/ssh", user: "anna" }],
  ["ssh -R from elsewhere", "linux", "foreign", { name: "sshd-session", user: "anna" }],
  ["a socket unit", "linux", "foreign", { pid: 1, name: "systemd", user: "root" }],
  ["a socket unit of the person", "linux", "foreign", { pid: 1812, name: "systemd", user: "anna" }],
  [
    "a script on a machine without systemd",
    "linux",
    "foreign",
    {
      name: "python3",
      exe: "/usr/bin/python3.12",
      user: "anna",
      command_line: "python3 -m http.server 5680",
      since: new Date(2026, 2, 2, 9, 0).getTime(),
      is_under_systemd: false,
    },
  ],
  [
    "a server whose line begins with its path",
    "linux",
    "foreign",
    { name: "nginx", exe: "/usr/sbin/nginx", command_line: "/usr/sbin/nginx -g 'daemon off;'", user: "root" },
  ],
  ["a script in a terminal", "linux", "foreign", { name: "python3", exe: "/usr/bin/python3.12" }],
  ["an editor's own forward", "linux", "foreign", { name: "code", exe: "/usr/share/code/code" }],
  ["a program that was replaced", "linux", "foreign", { name: "node", exe: "/usr/bin/node (deleted)" }],
  [
    "a web server whose unit is known",
    "linux",
    "foreign",
    { name: "nginx", run_by: { kind: "unit", unit: "nginx.service", of_person: false } },
  ],
  [
    "a service of the person",
    "linux",
    "foreign",
    { name: "syncthing", run_by: { kind: "unit", unit: "syncthing.service", of_person: true } },
  ],
  [
    "a program in a container",
    "linux",
    "foreign",
    { name: "node", run_by: { kind: "container", engine: "podman", id: "0123456789ab" } },
  ],
  [
    "a container of LXC",
    "linux",
    "foreign",
    { name: "nginx", run_by: { kind: "container", engine: "lxc", id: "web" } },
  ],
  [
    "ssh -L that says where",
    "linux",
    "foreign",
    { name: "ssh", run_by: { kind: "forward", to: "db.example:5432" } },
  ],
  [
    "a script in an editor's terminal",
    "linux",
    "foreign",
    { name: "python3", run_by: { kind: "program", pid: 812, name: "code", what: "editor" } },
  ],
  [
    "a script in a known terminal",
    "linux",
    "foreign",
    { name: "python3", run_by: { kind: "program", pid: 812, name: "konsole", what: "terminal" } },
  ],
  [
    "a script of somebody who has logged in",
    "linux",
    "foreign",
    { name: "python3", run_by: { kind: "program", pid: 812, name: "sshd-session", what: "login" } },
  ],
  ["a client's own end", "linux", "occupied", { name: "firefox", exe: "/usr/lib/firefox/firefox" }],
  ["somebody who cannot be seen", "linux", "unknown_holder", null],
  ["another TaskPaw", "linux", "own_other_installation", { name: "taskpaw-backend", role: "agent" }],
  ["another user's TaskPaw", "linux", "own_other_user", { name: "taskpaw-backend", user: "bob" }],
  ["a service that macOS starts", "macos", "foreign", { pid: 1, name: "launchd", user: "root" }],
  ["the AirPlay receiver", "macos", "foreign", { name: "ControlCenter", user: "anna" }],
  ["somebody who cannot be seen", "macos", "unknown_holder", null],
  ["IIS and other users of http.sys", "windows", "foreign", { pid: 4, name: "System" }],
  ["a service of Windows", "windows", "foreign", { name: "svchost.exe" }],
  ["a program in WSL", "windows", "foreign", { name: "wslrelay.exe", exe: "C:\\Windows\\wslrelay.exe" }],
  ["Docker Desktop", "windows", "foreign", { name: "com.docker.backend.exe" }],
  ["somebody who cannot be seen", "windows", "unknown_holder", null],
];

function said(): string {
  return holders
    .map(([what, system, state, seen]) => {
      const holder: HolderView = {
        pid: 915,
        name: null,
        exe: null,
        user: null,
        role: null,
        ours: false,
        is_under_systemd: true,
        ...seen,
      };
      const facts = holderFacts(holder, state, new Date(2026, 2, 2, 9, 30).getTime());
      const view = { ...port("network", 5680), state, holders: seen ? [holder] : [] };
      const step = holderStep(view, system);
      const known = seen ? [facts.program, facts.run] : [];
      const lines = [
        portPhrase(view, "agent"),
        ...known,
        portAdvice(view, "agent"),
        step?.text,
        step?.command,
      ];
      return [`== ${what} (${system})`, ...lines.filter((line) => line != null)].join("\n");
    })
    .join("\n\n");
}

describe("twenty holders", () => {
  beforeEach(() => speak("en"));

  it.each(["en", "zh-CN"] as const)("have a sentence and a step in %s", async (language) => {
    speak(language);
    await expect(`${said()}\n`).toMatchFileSnapshot(`__snapshots__/holders.${language}.txt`);
  });

  it("knows the system that it is on", () => {
    expect(systemOf("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15")).toBe("linux");
    expect(systemOf("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15")).toBe("macos");
    expect(systemOf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36")).toBe("windows");
  });
});
