// What the window may ask of the host: the one door, so that a page never knows which host is behind it.

import type { Answers, ErrorCode, HostEvent, IpcError, Request, RoleData } from "../generated/ipc";

/** The name of a command. */
export type Command = Request["command"];

/** The request that belongs to a command. */
export type RequestOf<C extends Command> = Extract<Request, { command: C }>;

/** The host, as the window sees it. */
export interface Platform {
  /** Asks the host; a refusal rejects with an `IpcError`. */
  call<C extends Command>(request: RequestOf<C>): Promise<Answers[C]>;
  /** Hears every event from now on; the promise settles once none can be missed any more. */
  onEvent(hear: (event: HostEvent) => void): Promise<() => void>;
  /** Hears what the roles watch, as far as the window has said that it shows it. */
  onData(hear: (data: RoleData[]) => void): Promise<() => void>;
  /** Hears the paths of files and folders that a person drops on the window. */
  onDrop(hear: (paths: string[]) => void): Promise<() => void>;
}

const codes: Record<ErrorCode, true> = {
  bad_request: true,
  config: true,
  invalid_fields: true,
  busy: true,
  handing_over: true,
  other_runs: true,
  unsupported: true,
  not_ready: true,
  backend_unreachable: true,
  no_free_port: true,
  look_failed: true,
  bad_pairing_line: true,
  no_network: true,
  internal: true,
};

/** Whatever was thrown, as an error with a code: what is not from the host is an error of TaskPaw itself. */
export function asIpcError(thrown: unknown): IpcError {
  if (typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown) {
    const { code, message } = thrown;
    if (typeof code === "string" && code in codes) {
      return {
        code: code as ErrorCode,
        message: String(message),
        detail: "detail" in thrown ? thrown.detail : null,
      };
    }
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "internal", message, detail: null };
}
