// Start-up and gaps: whatever the order of answers and events, the window ends with what the host has.

import { describe, expect, it } from "vitest";

import type { Event, HostEvent, Snapshot } from "../src/generated/ipc";
import { refusal } from "../src/platform/fake/host";
import { ordinary } from "../src/platform/fake/world";
import type { Platform } from "../src/platform/types";
import { Follower } from "../src/state/follow";

const stopping: Event = { type: "backend_stopping", role: "agent", generation: 1 };
const exited: Event = { type: "backend_exited", role: "agent", generation: 1, status: "exit status 0" };

/** A host whose answers come when the test says so. */
class SlowHost implements Platform {
  readonly order: string[] = [];
  readonly answers: ((answer: Snapshot | Error) => void)[] = [];
  hear: (event: HostEvent) => void = () => {};

  call(): Promise<never> {
    this.order.push("snapshot");
    return new Promise((resolve, reject) => {
      this.answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer as never)));
    });
  }

  onEvent(hear: (event: HostEvent) => void): Promise<() => void> {
    this.order.push("subscribe");
    this.hear = hear;
    return Promise.resolve(() => {});
  }
}

async function settle() {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

function setUp() {
  const host = new SlowHost();
  const shown: Snapshot[] = [];
  const failures: string[] = [];
  const follower = new Follower(
    host,
    (snapshot) => shown.push(snapshot),
    (error) => failures.push(error.code),
  );
  const at = (seq: number): Snapshot => ({ ...ordinary().snapshot, seq });
  const state = () => shown.at(-1)?.roles[0]?.state.kind;
  return { host, shown, failures, follower, at, state };
}

describe("Follower", () => {
  it("subscribes before it asks, and applies only what is later than the answer", async () => {
    const { host, shown, follower, at, state } = setUp();
    void follower.start();
    await settle();
    expect(host.order).toEqual(["subscribe", "snapshot"]);
    host.hear({ seq: 5, at: 1, event: exited });
    host.hear({ seq: 6, at: 2, event: stopping });
    host.answers[0]!(at(5));
    await settle();
    expect(shown.at(-1)?.seq).toBe(6);
    expect(state()).toBe("stopping");
  });

  it("applies events one by one afterwards", async () => {
    const { host, shown, follower, at, state } = setUp();
    void follower.start();
    await settle();
    host.answers[0]!(at(5));
    await settle();
    host.hear({ seq: 6, at: 1, event: stopping });
    host.hear({ seq: 7, at: 2, event: exited });
    host.hear({ seq: 7, at: 2, event: stopping });
    expect(shown.at(-1)?.seq).toBe(7);
    expect(state()).toBe("stopped");
    expect(host.answers).toHaveLength(1);
  });

  it("asks anew at a gap, once, and keeps what was heard meanwhile", async () => {
    const { host, shown, follower, at, state } = setUp();
    void follower.start();
    await settle();
    host.answers[0]!(at(5));
    await settle();
    host.hear({ seq: 8, at: 1, event: stopping });
    host.hear({ seq: 9, at: 2, event: exited });
    await settle();
    expect(host.answers).toHaveLength(2);
    host.answers[1]!(at(8));
    await settle();
    expect(shown.at(-1)?.seq).toBe(9);
    expect(state()).toBe("stopped");
  });

  it("asks anew when the configuration has changed, since the event does not tell its problem", async () => {
    const { host, shown, follower, at } = setUp();
    void follower.start();
    await settle();
    host.answers[0]!(at(5));
    await settle();
    const { preferences } = at(5).app;
    const changed: Event = { type: "config_changed", preferences, enabled: [] };
    host.hear({ seq: 6, at: 1, event: changed });
    await settle();
    expect(host.answers).toHaveLength(2);
    host.answers[1]!({ ...at(6), problem: { kind: "too_new", schema: 2, known: 1 } });
    await settle();
    expect(shown.at(-1)?.problem?.kind).toBe("too_new");
    expect(host.answers).toHaveLength(2);
  });

  it("does not ask without end when the gap stays", async () => {
    const { host, follower, at } = setUp();
    void follower.start();
    await settle();
    host.hear({ seq: 9, at: 1, event: stopping });
    for (let round = 0; round < 6; round += 1) {
      host.answers[round]?.(at(5));
      await settle();
    }
    expect(host.answers).toHaveLength(3);
  });

  it("puts events in order that arrive out of order", async () => {
    const { host, shown, follower, at } = setUp();
    void follower.start();
    await settle();
    host.hear({ seq: 7, at: 2, event: exited });
    host.hear({ seq: 6, at: 1, event: stopping });
    host.answers[0]!(at(5));
    await settle();
    expect(shown.at(-1)?.seq).toBe(7);
  });

  it("says why there is no snapshot, and can be started again without hearing everything twice", async () => {
    const { host, shown, failures, follower, at } = setUp();
    void follower.start();
    await settle();
    host.answers[0]!(Object.assign(new Error("no"), refusal("look_failed", "no")));
    await settle();
    expect(failures).toEqual(["look_failed"]);
    void follower.start();
    await settle();
    host.answers[1]!(at(3));
    await settle();
    expect(shown.at(-1)?.seq).toBe(3);
    expect(host.order.filter((step) => step === "subscribe")).toHaveLength(1);
  });
});
