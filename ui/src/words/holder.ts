// How to find out more about who has a port, and how it is got rid of: what its name alone tells, and a command to copy. The
// command only looks, but for one that passes a port on for a person; nothing here ends a program by itself.

import type { HolderView, PortView, RunBy } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { clockMinute, dateTime } from "./numbers";

/** A step that a person can take, and the command for it. */
export interface Step {
  text: string;
  command: string | null;
}

/** The systems whose commands differ. */
export type System = "linux" | "macos" | "windows";

/** What is known of a holder besides its name: where it lies, how it was started, by whom and since when. Nothing twice. */
export function holderFacts(
  holder: HolderView,
  state: PortView["state"],
  now = Date.now(),
): { program: string | null; run: string | null } {
  const { exe, command_line: line, since: at } = holder;
  const user = state === "own_other_user" ? null : holder.user;
  // The line tells more; where it begins with another name, the file says what it is.
  const says = line !== undefined && exe !== null && (line === exe || line.startsWith(`${exe} `));
  const program = [says ? null : exe, line].filter((text) => text != null).join("\n") || null;
  const since = at === undefined ? null : now - at < 12 * 3_600_000 ? clockMinute(at) : dateTime(at);
  const run =
    user !== null && since !== null
      ? t("holder.run_by_since", { user, since })
      : user !== null
        ? t("holder.run_by", { user })
        : since !== null
          ? t("holder.since", { since })
          : null;
  return { program, run };
}

export function systemOf(userAgent: string): System {
  if (/windows/i.test(userAgent)) return "windows";
  return /mac os|macintosh/i.test(userAgent) ? "macos" : "linux";
}

/** What programs that have a port for somebody else are called: without `.exe`, in small letters. */
const passers: [RegExp, "docker" | "podman" | "ssh" | "editor" | "wsl"][] = [
  [/^(docker-proxy|com\.docker\.backend|com\.docker\.vpnkit|vpnkit|dockerd|orbstack)/, "docker"],
  [/^(rootlessport|rootlesskit|slirp4netns|pasta|conmon|gvproxy)/, "podman"],
  [/^(ssh|sshd-session)$/, "ssh"],
  [/^(code|code-insiders|codium|cursor|windsurf|idea|pycharm|webstorm|clion|zed)$/, "editor"],
  [/^(wslrelay|wslhost|wslservice)$/, "wsl"],
];

function plainName(holder: HolderView): string {
  const name = holder.exe?.split(/[\\/]/).at(-1) ?? holder.name ?? "";
  return name
    .replace(/ \(deleted\)$/, "")
    .replace(/\.exe$/i, "")
    .toLowerCase();
}

/** The step for whoever has a port that is not TaskPaw's; nothing where there is nobody to find out about. */
export function holderStep(port: PortView, system: System): Step | null {
  if (!["foreign", "unknown_holder", "occupied"].includes(port.state ?? "")) return null;
  const holder = port.holders.find(({ ours }) => !ours);
  if (!holder) return ofNobody(port.port, system);
  // The proxy of a container is part of its engine's service, and the container is what is in the way.
  const isProxy = ["docker", "podman"].includes(passed(holder) ?? "") && holder.run_by?.kind === "unit";
  return holder.run_by && !isProxy ? proved(holder.run_by, holder.pid) : ofHolder(holder, port.port, system);
}

/** For whom a holder has the port, by what it is called. */
function passed(holder: HolderView) {
  const name = plainName(holder);
  return passers.find(([pattern]) => pattern.test(name))?.[1];
}

/** What the host has proved. Its names have only letters that a command may have. */
function proved(by: RunBy, pid: number): Step {
  const ends = `kill ${pid}`;
  switch (by.kind) {
    case "unit":
      return by.of_person
        ? { text: t("way.unit_of_person", { unit: by.unit }), command: `systemctl --user stop ${by.unit}` }
        : { text: t("way.unit", { unit: by.unit }), command: `sudo systemctl stop ${by.unit}` };
    case "container":
      return by.engine === "docker" || by.engine === "podman"
        ? { text: t("way.in_container", { id: by.id }), command: `${by.engine} stop ${by.id}` }
        : { text: t("way.in_a_container", { id: by.id }), command: null };
    case "forward":
      return { text: t("way.forward_to", { to: by.to }), command: ends };
    case "program":
      return { text: t(`way.in_${by.what}`, { name: by.name }), command: ends };
  }
}

function ofHolder(holder: HolderView, port: number, system: System): Step {
  const { pid } = holder;
  const name = plainName(holder);
  switch (passed(holder)) {
    case "docker":
      return { text: t("way.container"), command: `docker ps --filter publish=${port}` };
    case "podman":
      return { text: t("way.container"), command: "podman port --all" };
    case "ssh":
      return system === "windows"
        ? { text: t("way.forward"), command: `taskkill /PID ${pid}` }
        : { text: t("way.forward"), command: `kill ${pid}` };
    case "editor":
      return { text: t("way.editor"), command: null };
    case "wsl":
      return { text: t("way.wsl"), command: "wsl --list --running" };
  }
  // What it listens on is for a service that is started by the first who connects.
  if (name === "systemd" && system === "linux")
    return {
      text: t("way.socket"),
      command: pid === 1 ? "systemctl list-sockets" : "systemctl --user list-sockets",
    };
  if (pid === 1 && system === "macos") return { text: t("way.launchd"), command: "launchctl list" };
  if (pid === 4 && system === "windows")
    return { text: t("way.http_sys"), command: "netsh http show servicestate" };
  const asked = {
    linux: holder.is_under_systemd ? `systemctl status ${pid}` : `ps -fp ${pid}`,
    macos: `ps -o user,lstart,command -p ${pid}`,
    windows: `tasklist /svc /fi "PID eq ${pid}"`,
  };
  return { text: t(name === "svchost" ? "way.service" : "way.what_runs_it"), command: asked[system] };
}

function ofNobody(port: number, system: System): Step {
  const asked = {
    linux: `sudo ss -tanp "sport = :${port}"`,
    macos: `sudo lsof -nP -iTCP:${port}`,
    windows: "netstat -abno",
  };
  return { text: t("way.unseen"), command: asked[system] };
}
