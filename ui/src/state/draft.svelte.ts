// The ports of one role as a person is changing them: what differs, what the host says about it, and what is sent.

import type { Apply, Endpoint, ExposureReason, PortDraft, PortView, Role, RoleView } from "../generated/ipc";
import { isLoopback } from "../words/exposure";
import { refuses } from "../words/ports";
import { Action } from "./action.svelte";
import type { AppState } from "./app.svelte";

/** What a person typed: text, since a half-typed number is no number yet. */
export interface TypedPort {
  host?: string;
  port?: string;
}

export interface Row {
  name: string;
  host: string;
  port: string;
  changed: boolean;
  /** What the host said about exactly these values; nothing while it is being asked. */
  seen: PortView | null;
  /** Why the exposure guard refuses the address; nothing if it does not, or while it is being asked. */
  exposed: ExposureReason | null;
  /** The field that is at fault where the port cannot be had: the other one is as good as any. */
  fault: "host" | "port" | null;
}

/** The guard's answer for one address of one port. */
interface Exposed {
  name: string;
  host: string;
  reason: ExposureReason | null;
}

/** The pause in typing after which the ports are looked at. */
const PAUSE_MS = 300;

export class PortsDraft {
  readonly checking = new Action();
  readonly suggesting = new Action();
  readonly applying = new Action();
  /** Whether how a change came out is still of interest: until something else is typed. */
  told = $state(false);
  readonly role: Role;
  readonly #app: AppState;
  readonly #view: () => RoleView;
  #typed = $state<Record<string, TypedPort>>({});
  #seen = $state.raw<PortView[]>([]);
  #exposed = $state.raw<Exposed[]>([]);
  #asked = 0;

  constructor(app: AppState, role: Role, view: () => RoleView) {
    this.#app = app;
    this.role = role;
    this.#view = view;
    this.#typed = app.drafts.ports.get(role) ?? {};
  }

  readonly rows: Row[] = $derived.by(() =>
    this.#view().ports.map((configured) => {
      const typed = this.#typed[configured.name];
      const host = typed?.host ?? configured.host;
      const port = typed?.port ?? String(configured.port);
      const endpoint = endpointOf(host, port);
      const seen =
        this.#seen.find(
          (view) =>
            view.name === configured.name && view.host === endpoint.host && view.port === endpoint.port,
        ) ?? null;
      const exposed =
        this.#exposed.find(({ name, host }) => name === configured.name && host === endpoint.host)?.reason ??
        null;
      return {
        name: configured.name,
        host,
        port,
        changed: endpoint.host !== configured.host || endpoint.port !== configured.port,
        seen,
        exposed,
        fault: faultOf(endpoint, seen, exposed),
      };
    }),
  );

  readonly changed = $derived(this.rows.some((row) => row.changed));
  readonly usable = $derived(
    this.rows.every((row) => row.seen !== null && !refuses(row.seen) && row.exposed === null),
  );

  type(name: string, change: TypedPort): void {
    this.#typed[name] = { ...this.#typed[name], ...change };
    this.#app.drafts.ports.set(this.role, $state.snapshot(this.#typed));
    this.told = false;
    this.applying.error = null;
  }

  undo(): void {
    this.#typed = {};
    this.#app.drafts.ports.delete(this.role);
    this.applying.error = null;
  }

  /** Looks again after a pause; what it returns calls that off. Meant for an `$effect`. */
  watch(): () => void {
    const draft = this.#whole();
    const first = this.#asked === 0;
    const timer = setTimeout(() => void this.#check(draft), first ? 0 : PAUSE_MS);
    return () => clearTimeout(timer);
  }

  look(): Promise<void> {
    return this.#check(this.#whole());
  }

  /** Fills in the next free number. */
  async suggest(name: string): Promise<void> {
    await this.suggesting.run(async () => {
      const port = await this.#app.call<"suggest_port">({
        command: "suggest_port",
        role: this.role,
        name,
        draft: this.#whole(),
      });
      this.type(name, { port: String(port) });
    });
  }

  /** Changes the ports, for good or until the app is closed; the answer says how it came out. */
  async apply(keep: boolean): Promise<Apply | null> {
    const draft = this.#whole().filter(({ name }) =>
      this.rows.some((row) => row.name === name && row.changed),
    );
    let result: Apply | null = null;
    this.told = true;
    await this.applying.run(async () => {
      result = await this.#app.call<"apply_ports">({ command: "apply_ports", draft, keep });
    });
    return result;
  }

  /** Asks the exposure guard about an address that others could reach. */
  async #guard({ name, endpoint: { host } }: PortDraft): Promise<Exposed> {
    if (isLoopback(host)) return { name, host, reason: null };
    const reason = await this.#app.call<"check_exposure">({
      command: "check_exposure",
      role: this.role,
      name,
      host,
      has_token: this.#app.snapshot?.app.tokens.includes(this.role) ?? false,
    });
    return { name, host, reason };
  }

  /** All ports as they are typed. It does not read what the host said, so an answer is no reason to ask again. */
  #whole(): PortDraft[] {
    return this.#view().ports.map(({ name, host, port }) => {
      const typed = this.#typed[name];
      return {
        role: this.role,
        name,
        endpoint: endpointOf(typed?.host ?? host, typed?.port ?? String(port)),
      };
    });
  }

  async #check(draft: PortDraft[]): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    // Not `Action.run`, which would skip a question while an older one is under way: here the newest counts.
    this.checking.busy = true;
    try {
      const [seen, exposed] = await Promise.all([
        this.#app.call<"check_ports">({ command: "check_ports", draft }),
        Promise.all(draft.map((port) => this.#guard(port))),
      ]);
      if (mine !== this.#asked) return;
      this.#exposed = exposed;
      this.#seen = seen;
      this.checking.error = null;
    } catch (thrown) {
      if (mine === this.#asked) this.checking.fail(thrown);
    } finally {
      if (mine === this.#asked) this.checking.busy = false;
    }
  }
}

/** What is no number is sent as 0, which the host calls invalid like every other number that cannot be used. */
export function endpointOf(host: string, port: string): Endpoint {
  // An input method for Chinese may write digits as wide as its letters.
  const plain = port.normalize("NFKC");
  const number = /^\s*\d{1,9}\s*$/.test(plain) ? Number(plain) : 0;
  return { host: host.trim(), port: number };
}

/** Which of the two fields the refusal is about. */
export function faultOf(
  { port }: Endpoint,
  seen: PortView | null,
  exposed: ExposureReason | null,
): "host" | "port" | null {
  if (seen?.state === "invalid") return port >= 1 && port <= 65_535 ? "host" : "port";
  if (exposed !== null || seen?.state === "address_unavailable") return "host";
  return seen !== null && refuses(seen) ? "port" : null;
}
