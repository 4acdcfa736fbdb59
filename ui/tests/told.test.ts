// What the documents say of being told is all that there is.

import { afterEach, describe, expect, it, vi } from "vitest";

import type { FleetEvent } from "../src/generated/ipc";
import { cameLate, merge, rowsOfFleet } from "../src/state/events";
import { eventKinds } from "../src/words/event";

const documents = import.meta.glob<string>("../../docs/being-told.md", {
  query: "?raw",
  import: "default",
  eager: true,
});

it("names each kind of event, and no other", () => {
  const [text = ""] = Object.values(documents);
  const table = text.slice(text.indexOf("## By kind"), text.indexOf("## By case"));
  const named = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, kinds = ""]) =>
    [...kinds.matchAll(/`(\w+)`/g)].map(([, kind = ""]) => kind),
  );
  expect(named.toSorted()).toEqual([...eventKinds].sort());
});

/** The cells of the row of the table by case that begins with these words. */
function row(begin: string): string[] {
  const [text = ""] = Object.values(documents);
  const lines = text.slice(text.indexOf("## By case")).split("\n");
  const line = lines.find((line) => line.startsWith(`| ${begin}`)) ?? "";
  const cells = line.split("|").map((cell) => cell.trim());
  expect(cells, begin).toHaveLength(6);
  return cells.slice(1, 5);
}

describe("clocks and nights", () => {
  const MINUTE = 60_000;
  const POLL = MINUTE;
  const EVENING = Date.parse("2026-03-02T22:00:00Z");

  afterEach(() => vi.useRealTimers());

  /** A hub that polls each minute while it is awake, and a machine whose clock is off by so much: plain time, nothing waits. */
  function play(happens: number[], off: number, asleep: [number, number] | null = null) {
    vi.useFakeTimers({ toFake: ["Date"], now: EVENING });
    const stored: { event: FleetEvent; at: number }[] = [];
    let waiting = happens.map((at, place) => ({ at, id: place + 1 }));
    const end = Math.max(...happens, asleep?.[1] ?? 0) + 2 * POLL;
    for (let now = EVENING; now <= end; now += POLL) {
      vi.setSystemTime(now);
      if (asleep && now >= asleep[0] && now < asleep[1]) continue;
      for (const { at, id } of waiting.filter(({ at }) => at <= now)) {
        const time = new Date(at + off).toISOString();
        const told = { id, time, machine: "box", monitor: "w", message: `${id}` };
        const number = stored.length + 1;
        stored.push({ at: now, event: { ...told, number, agent: "box", server_id: "s", age_seconds: 0 } });
      }
      waiting = waiting.filter(({ at }) => at > now);
    }
    // The window asks for all of it, and is sent the last ones once more.
    const aged = stored.map(({ event, at }) => ({ ...event, age_seconds: (Date.now() - at) / 1000 }));
    const rows = merge(merge([], rowsOfFleet(aged, Date.now()), 100), rowsOfFleet(aged, Date.now()), 100);
    return rows
      .toReversed()
      .map(({ id, at, received }) => ({ id, at, received, late: cameLate({ at, received }) }));
  }

  it("ahead: an event is shown at the moment in which the hub heard of it", () => {
    expect(row("its clock is 10 min ahead")[1]).toContain("at the moment in which the hub heard of them");
    const [shown] = play([EVENING + 90_000], 10 * MINUTE);
    expect(shown).toEqual({ id: 1, at: EVENING + 2 * POLL, received: EVENING + 2 * POLL, late: false });
  });

  it("behind: an event is shown at the time that it says, with the one at which it was received", () => {
    expect(row("its clock is 10 min behind")[1]).toContain("in the detail when it was received");
    const [shown] = play([EVENING + 90_000], -10 * MINUTE);
    expect(shown).toEqual({
      id: 1,
      at: EVENING + 90_000 - 10 * MINUTE,
      received: EVENING + 2 * POLL,
      late: true,
    });
  });

  it("asleep: each event once, in order, at its own time, with the first poll after it", () => {
    const [, shown, told, when] = row("the hub sleeps over night");
    expect([shown, told, when].join(" ")).toMatch(/own time.*once, in order.*first poll after/);
    const morning = EVENING + 9 * 60 * MINUTE;
    const night = [2, 125, 126, 400].map((minutes) => EVENING + minutes * MINUTE);
    const all = play(night, 0, [EVENING + POLL, morning]);
    expect(all.map(({ id, at }) => [id, at])).toEqual(night.map((at, place) => [place + 1, at]));
    expect(new Set(all.map(({ received }) => received))).toEqual(new Set([morning]));
    expect(all.every(({ late }) => late)).toBe(true);
  });
});
