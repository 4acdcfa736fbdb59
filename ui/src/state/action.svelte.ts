// One thing that a person asked for: whether it is under way, and why it was refused.

import { untrack } from "svelte";

import type { IpcError } from "../generated/ipc";
import { asIpcError } from "../platform/types";

export class Action {
  busy = $state(false);
  error = $state.raw<IpcError | null>(null);

  /** Runs it unless it already runs. The answer says whether it went well. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    // An effect that runs it must not run again because it ends.
    if (untrack(() => this.busy)) return false;
    this.busy = true;
    this.error = null;
    try {
      await work();
      return true;
    } catch (thrown) {
      this.fail(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }

  fail(thrown: unknown): void {
    this.error = asIpcError(thrown);
  }
}
