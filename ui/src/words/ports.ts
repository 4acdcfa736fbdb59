// The state of a port in words: one sentence for each state, the holder named as exactly as it is known, and advice.

import type { Failure, HolderView, PortView, Role, RoleView } from "../generated/ipc";
import { t } from "../locales/language.svelte";
import { isLoopback } from "./exposure";
import { list, sentences } from "./numbers";
import type { Tone } from "./tone";

/** Whether a start cannot have it. */
export function refuses(port: PortView): boolean {
  return port.outlook === "refuses";
}

/** Whether a start cannot have it now: it refuses, or is waited for. */
export function holdsUp(port: PortView): boolean {
  return port.outlook !== null && port.outlook !== "starts";
}

/** What no waiting changes. */
const lasts = new Set<PortView["state"]>([
  "invalid",
  "self_collision",
  "permission_denied",
  "reserved",
  "address_unavailable",
]);

/** Whether it is only in somebody's way for now: whoever has it may leave, and the system lets go of it. */
export function mayBecomeFree(port: PortView): boolean {
  return !port.in_use_by_app && holdsUp(port) && !lasts.has(port.state);
}

export function otherRole(role: Role): Role {
  return role === "agent" ? "hub" : "agent";
}

export function portName(name: string): string {
  switch (name) {
    case "network":
    case "control":
    case "api":
      return t(`port_name.${name}`);
    default:
      return name;
  }
}

export function portHint(name: string): string {
  switch (name) {
    case "network":
    case "control":
    case "api":
      return t(`port_name.${name}_hint`);
    default:
      return "";
  }
}

/** An IPv6 address needs brackets before a port number. */
export function address({ host, port }: { host: string; port: number }): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function holderName(holder: HolderView): string {
  const name = holder.name ?? holder.exe?.split(/[\\/]/).at(-1);
  return name ? t("holder.named", { name, pid: holder.pid }) : t("holder.unnamed", { pid: holder.pid });
}

/** The state as a phrase, such as "held by python3 (pid 1234)". */
export function portPhrase(port: PortView, role: Role, failure: Failure["kind"] | null = null): string {
  if (port.in_use_by_app) return t("port.in_use_by_app");
  const holders = port.holders.length > 0 ? list(port.holders.map(holderName)) : null;
  switch (port.state) {
    case null:
      return t("port.unchecked");
    case "foreign":
    case "unknown_holder":
      return holders ? t("port.held", { holders }) : t(`port.${port.state}`);
    case "occupied":
      return holders ? t("port.occupied_held", { holders }) : t("port.occupied");
    case "own_stale":
      if (holders && failure === "displaced") return t("port.own_later_held", { holders });
      return holders ? t("port.own_stale_held", { holders }) : t("port.own_stale");
    case "own_other_installation":
      return holders ? t("port.own_other_installation_held", { holders }) : t("port.own_other_installation");
    case "own_other_role": {
      const other = otherRole(role);
      return holders
        ? t(`port.own_other_role_${other}_held`, { holders })
        : t(`port.own_other_role_${other}`);
    }
    case "own_other_user": {
      const user = port.holders.find((holder) => holder.user)?.user;
      if (holders && user) return t("port.own_other_user_named", { holders, user });
      return holders ? t("port.own_other_user_held", { holders }) : t("port.own_other_user");
    }
    default:
      return t(`port.${port.state}`);
  }
}

/**
 * What the person can do about it; nothing where nothing need be done. With `hadV3`, TaskPaw 3 was on this machine: a
 * holder that cannot be looked at is probably its.
 */
export function portAdvice(
  port: PortView,
  role: Role,
  hadV3 = false,
  failure: Failure["kind"] | null = null,
): string {
  if (port.in_use_by_app || port.state === null || port.state === "free") return "";
  if (port.state === "own_stale" && (failure === "displaced" || failure === "not_allowed"))
    return t(`port_advice.${failure}`);
  const advice = t(`port_advice.${port.state}`, {
    other: t(`role.${otherRole(role)}`),
    host: port.host,
  });
  const isOthers = port.state === "unknown_holder" || port.state === "own_other_user";
  return hadV3 && isOthers ? sentences(t("port_advice.perhaps_v3"), advice) : advice;
}

export function portTone(port: PortView): Tone {
  if (port.outlook === null) return "quiet";
  if (port.outlook === "refuses") return "bad";
  return port.in_use_by_app || port.state === "free" ? "ok" : "warn";
}

/** The address that other machines reach this machine's agent at; nothing if none can, or it is no agent. */
export function agentUrl({ role, ports }: RoleView): string | null {
  const port = ports.find(({ name }) => name === "network");
  if (role !== "agent" || !port || isLoopback(port.host)) return null;
  const host = port.host.includes(":") ? `[${port.host}]` : port.host;
  return `http://${host}:${port.port}`;
}
