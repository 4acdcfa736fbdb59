// The pages of the window in each state that looks different, over the fake host.

const PAGES = ["this-machine", "fleet", "events", "ports", "settings", "diagnostics"];
/** What a page looks like besides the ordinary: scenario, page, what is clicked first, and with which button if it is another one. */
export const EVERY_STATE = [
  ...PAGES.map((page) => ["hub", page]),
  ["hub", "this-machine/history"],
  ["hub", "this-machine/monitor/NAS%20web%20page"],
  ["hub", "this-machine/monitor/host_metrics"],
  ["hub", "this-machine/monitor/NAS%20web%20page", "history-duplicate"],
  ["hub", "fleet/machine/render-01"],
  ["hub", "fleet/machine/render-01/monitor/Nightly%20backup"],
  ["hub", "fleet/machine/render-02"],
  ["conflict", "this-machine"],
  ["conflict-two", "this-machine"],
  ["conflict-other-role", "this-machine"],
  ["failed", "this-machine"],
  ["starting", "this-machine"],
  ["lingering", "this-machine"],
  ["lingering-not-allowed", "this-machine"],
  ["v3-busy", "this-machine"],
  ["conflict-occupied", "this-machine"],
  ["problem", "this-machine"],
  ["off", "this-machine"],
  ["bare", "this-machine"],
  ["bare", "events"],
  ["hub-empty", "fleet"],
  ["closing", "this-machine"],
  ["imported", "this-machine"],
  ["imported", "diagnostics"],
  ["left-behind", "this-machine"],
  ["ready", "this-machine", "action-add-monitor"],
  ["hub", "fleet", "action-add-agent"],
  ["hub", "events", "event"],
  ["hub", "settings", "health"],
  ["told", "this-machine", "monitor", "right"],
  ["hub", "fleet", "fleet-agent", "right"],
  ["hub", "events", "event", "right"],
  ["new", "this-machine"],
  ["told", "this-machine", "mute"],
  ["update-question", "this-machine"],
  ["update-downloading", "this-machine"],
  ["update-ready", "this-machine"],
  ["update-command", "this-machine"],
  ["update-no-permission", "this-machine"],
  ["update-came-back", "this-machine"],
  ["update-forbidden", "settings"],
];

/** States of which it matters how many there are, or how they are called: page, what is made so before, and its name. */
export const HOW_MANY = [
  ["bare", "this-machine", null, "0 monitors"],
  ["hub", "this-machine", oneMonitor, "1 monitor"],
  ["hub", "this-machine", sixtyMonitors, "60 monitors"],
  ["hub-empty", "fleet", null, "0 machines"],
  ["hub", "fleet", oneMachine, "1 machine"],
  ["many-machines", "fleet", null, "50 machines"],
  ["many", "events", null, "10,000 events"],
  ["hub", "this-machine", longNames, "names that are long and from right to left"],
  ["hub", "fleet", longNames, "machines with long names"],
];

// What follows is done in a page with the fake host.

function oneMonitor() {
  const { world } = globalThis.taskpawFake;
  const ordinary = world.status;
  world.status = () => {
    const status = ordinary();
    const { host_metrics, "NAS web page": nas } = status.monitors;
    return { ...status, monitors: { host_metrics, "NAS web page": nas } };
  };
  world.monitors = world.monitors.filter(({ name }) => name in world.status().monitors);
  globalThis.taskpawFake.pushAll();
}

export function sixtyMonitors() {
  const { world } = globalThis.taskpawFake;
  const ordinary = world.status;
  world.status = () => {
    const status = ordinary();
    for (let number = 1; number <= 60; number += 1)
      status.monitors[`Service ${number}`] = { ...status.monitors["NAS web page"] };
    return status;
  };
  globalThis.taskpawFake.pushAll();
}

function oneMachine() {
  const { world } = globalThis.taskpawFake;
  world.fleet.agents = world.fleet.agents.slice(0, 1);
  globalThis.taskpawFake.pushAll();
}

function longNames() {
  const { world } = globalThis.taskpawFake;
  const ordinary = world.status;
  const names = [
    "The render of the whole film, all scenes, with the corrected light of the second week ".repeat(2),
    "A".repeat(100),
    "عرض الفيلم كله مع الإضاءة المصححة",
    "רינדור של הסרט",
    "渲染第二周修正灯光后的整部影片的全部场景以及所有的字幕和配乐",
  ];
  world.status = () => {
    const status = ordinary();
    for (const name of names)
      status.monitors[name] = { ...status.monitors["Nightly backup"], detail: `${name}: ${name}` };
    return status;
  };
  world.fleet.agents.forEach(
    (agent, place) => (agent.name = names[place % names.length] + " ".repeat(place)),
  );
  globalThis.taskpawFake.pushAll();
}
