// A fake machine in its ordinary state; the scenarios change what they are about.

import { events, monitors, monitorTypes, status } from "./agent";
import { journal, logs } from "./diagnostics";
import { fleet, fleetEvents } from "./fleet";
import type { World } from "./host";
import { offHub, readyAgent, snapshot } from "./roles";

export function ordinary(): World {
  const happened = events();
  return {
    snapshot: snapshot(readyAgent(), offHub()),
    taken: {
      5682: {
        state: "foreign",
        holders: [
          {
            pid: 812,
            name: "postgres",
            exe: "/usr/lib/postgresql/bin/postgres",
            user: "anna",
            role: null,
            ours: false,
          },
        ],
      },
    },
    status,
    events: happened,
    fleet: fleet(),
    fleetEvents: fleetEvents(happened),
    logs,
    journal,
    monitorTypes,
    monitors: monitors(),
    tokens: {},
    addresses: [
      { address: "127.0.0.1", interface: "lo", refused: null },
      { address: "192.168.1.5", interface: "eth0", refused: "no_token" },
    ],
    agentTest: {
      error: null,
      error_code: null,
      status: status(),
      version: "4.1.0",
      known_as: null,
      milliseconds: 3.4,
    },
    alertTest: { outcome: "taken", status: 200, said: null, milliseconds: 84 },
    trial: {
      type_id: "tcp_check",
      state: "ok",
      detail: "accepts connections (3 ms)",
      metrics: { listening: true, connect_ms: 3.1 },
      last_update: new Date().toISOString(),
    },
    programs: [
      { name: "blender", path: "/opt/blender/blender", count: 1 },
      { name: "firefox", path: "/usr/lib/firefox/firefox", count: 9 },
      { name: "python3", path: "/usr/bin/python3.12", count: 2 },
    ],
    chosenPath: "/home/anna/renders/scene-05.log",
    refuse: {},
    delay: 30,
  };
}
