// Start-up and order: whatever the order of answers and events, the window ends with what the host has.

import { describe, expect, it } from "vitest";

import type { Event, HostEvent, RoleState, Snapshot } from "../src/generated/ipc";
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

  onData(): Promise<() => void> {
    return Promise.resolve(() => {});
  }

  onDrop(): Promise<() => void> {
    return Promise.resolve(() => {});
  }
}

async function settle() {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

/** What is shown after an event, with the agent in this state. */
function at(seq: number, state: RoleState["kind"] = "stopped"): Snapshot {
  const { snapshot } = ordinary();
  const roles = snapshot.roles.map((view) => ({ ...view, state: { kind: state } as RoleState }));
  return { ...snapshot, seq, roles };
}

function setUp() {
  const host = new SlowHost();
  const shown: Snapshot[] = [];
  const failures: string[] = [];
  const heard: string[] = [];
  const follower = new Follower(
    host,
    (snapshot) => shown.push(snapshot),
    (error) => failures.push(error.code),
    (event) => heard.push(event.type),
  );
  const last = () => [shown.at(-1)?.seq, shown.at(-1)?.roles[0]?.state.kind];
  return { host, shown, failures, heard, follower, last };
}

describe("Follower", () => {
  it("subscribes before it asks, and an answer that is older than an event does not count", async () => {
    const { host, heard, follower, last } = setUp();
    void follower.start();
    await settle();
    expect(host.order).toEqual(["subscribe", "snapshot"]);
    host.hear({ at: 1, event: exited, snapshot: at(5, "stopped") });
    host.hear({ at: 2, event: stopping, snapshot: at(6, "stopping") });
    host.answers[0]!(at(5));
    await settle();
    expect(last()).toEqual([6, "stopping"]);
    expect(heard).toEqual(["backend_exited", "backend_stopping"]);
  });

  it("shows what comes with each event, asks for nothing more, and a missing one leaves no hole", async () => {
    const { host, follower, last } = setUp();
    void follower.start();
    await settle();
    host.answers[0]!(at(5));
    await settle();
    expect(last()).toEqual([5, "stopped"]);
    host.hear({ at: 1, event: stopping, snapshot: at(6, "stopping") });
    host.hear({ at: 2, event: exited, snapshot: at(9, "stopped") });
    expect(last()).toEqual([9, "stopped"]);
    expect(host.answers).toHaveLength(1);
  });

  it("keeps the latest of events that arrive out of order, and hears each of them", async () => {
    const { host, heard, follower, last } = setUp();
    void follower.start();
    await settle();
    host.answers[0]!(at(5));
    await settle();
    host.hear({ at: 2, event: exited, snapshot: at(7, "stopped") });
    host.hear({ at: 1, event: stopping, snapshot: at(6, "stopping") });
    expect(last()).toEqual([7, "stopped"]);
    expect(heard).toEqual(["backend_exited", "backend_stopping"]);
  });

  it("says why there is no snapshot, and can be started again without hearing everything twice", async () => {
    const { host, shown, failures, follower } = setUp();
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
