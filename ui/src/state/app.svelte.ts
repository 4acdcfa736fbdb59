// What all pages share: the snapshot of the host, the door to it, and the samples of this machine.

import { createContext, untrack } from "svelte";

import { SvelteMap } from "svelte/reactivity";

import type { Answers, Event, IpcError, Role, RoleView, Snapshot } from "../generated/ipc";
import type { Command, Platform, RequestOf } from "../platform/types";
import { type ForwardStep, isForward } from "../words/apply";
import { RoleDataStore } from "./data.svelte";
import { aboutOf, keyOf } from "./events";
import { linkTo, linkToSubject } from "./route.svelte";
import { Drafts } from "./drafts";
import { Follower } from "./follow";
import { hostMetricsOf, metricsOf, Samples } from "./samples.svelte";

export class AppState {
  snapshot = $state.raw<Snapshot | null>(null);
  /** Why there is no snapshot, or why it is not current. */
  lost = $state.raw<IpcError | null>(null);
  readonly samples = new Samples();
  /** How far the last change of each role's ports came before it ended or went back: a snapshot does not say it. */
  readonly reached = new SvelteMap<Role, ForwardStep>();
  /**
   * The event that a clicked notification was about, while its page or that of all events is open; `key` is that of its row, and
   * empty where it stood for many.
   */
  chosen = $state.raw<{ key: string; link: string } | null>(null);
  /** How many questions stand on the page: that about updates, below it, waits until they are answered. */
  questions = $state(0);
  /** What was typed into forms that were left without saving it. */
  readonly drafts = new Drafts();
  /** What the roles watch. */
  readonly data: RoleDataStore;
  readonly platform: Platform;
  readonly #follower: Follower;

  constructor(platform: Platform) {
    this.platform = platform;
    this.data = new RoleDataStore(platform);
    this.data.onAgent = (status) => this.samples.add(Date.now(), metricsOf(hostMetricsOf(status)));
    this.#follower = new Follower(
      platform,
      (snapshot) => {
        this.snapshot = snapshot;
        this.lost = null;
      },
      (error) => {
        this.lost = error;
      },
      (event) => this.#hear(event),
    );
  }

  /** Connects; after a failure, connects again. */
  async connect(): Promise<void> {
    this.lost = null;
    await this.#follower.start();
    // Without a host nothing is heard either, and that is said already.
    if (!this.lost) await this.data.connect();
  }

  #hear(event: Event): void {
    if (event.type === "apply_progress" && isForward(event.apply.step))
      this.reached.set(event.role, event.apply.step);
    if (event.type === "event_chosen") {
      const about = event.machine === "" ? null : aboutOf(event);
      const link = about ? linkToSubject(about) : linkTo("events");
      this.chosen = { key: event.machine === "" ? "" : keyOf(event), link };
      location.hash = link;
    }
  }

  /** Another page was opened: what a notification was about is over, unless it is shown there. */
  opened(link: string): void {
    if (link !== this.chosen?.link && link !== linkTo("events")) this.chosen = null;
  }

  /** Says that a question stands on the page, until what it returns is called. Meant for an `$effect`. */
  asks(): () => void {
    untrack(() => (this.questions += 1));
    return () => {
      this.questions -= 1;
    };
  }

  call<C extends Command>(request: RequestOf<C>): Promise<Answers[C]> {
    return this.platform.call<C>(request);
  }

  role(role: Role): RoleView | null {
    return this.snapshot?.roles.find((view) => view.role === role) ?? null;
  }
}

const [getApp, setApp] = createContext<AppState>();
export { getApp, setApp };
