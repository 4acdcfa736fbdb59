// What an agent keeps of one thing, asked for while its page is open: at once, and again with each minute while somebody sees it.

import type { History, HistoryAnswer, HistoryRange, IpcError, MetricSeries } from "../generated/ipc";
import { asIpcError } from "../platform/types";
import type { AppState } from "./app.svelte";
import type { Span } from "./band";
import type { Subject } from "./route.svelte";

const AGAIN_MS = 60_000;

export class Past {
  /** In this machine's time: another clock may be wrong, and now is now. */
  history = $state.raw<History | null>(null);
  /** Why there is none. */
  answer = $state.raw<Exclude<HistoryAnswer, { kind: "history" }> | null>(null);
  error = $state.raw<IpcError | null>(null);
  range = $state<HistoryRange>("day");
  readonly #app: AppState;
  readonly #subject: Subject;
  #asked = 0;

  constructor(app: AppState, subject: Subject) {
    this.#app = app;
    this.#subject = subject;
  }

  /** From the first place to the end of the last one that is not ahead. */
  get span(): Span | null {
    const { history } = this;
    if (!history) return null;
    return { from: history.from, to: history.now };
  }

  /** Asks until what it returns is called. Meant for an `$effect`. */
  run(range: HistoryRange): () => void {
    void this.ask(range);
    const again = () => {
      if (document.visibilityState === "visible") void this.ask(range);
    };
    const timer = setInterval(again, AGAIN_MS);
    document.addEventListener("visibilitychange", again);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }

  async ask(range: HistoryRange): Promise<void> {
    this.#asked += 1;
    const asked = this.#asked;
    const { agent, monitor } = this.#subject;
    try {
      const answer = await this.#app.call<"history">({ command: "history", agent, monitor, range });
      // Another one was asked meanwhile.
      if (asked !== this.#asked) return;
      if (answer.kind === "history") {
        this.history = inOwnTime(answer.history, Date.now());
        this.answer = null;
      } else this.answer = answer;
      this.error = null;
    } catch (thrown) {
      if (asked === this.#asked) this.error = asIpcError(thrown);
    }
  }
}

/** With its times as they are on this machine's clock. */
export function inOwnTime(history: History, now: number): History {
  const ahead = now - history.now;
  return {
    ...history,
    now,
    from: history.from + ahead,
    monitors: history.monitors.map((monitor) => ({
      ...monitor,
      states: monitor.states.map(({ at, state }) => ({ at: at + ahead, state })),
    })),
  };
}

/** A point of a line: nothing where there is no number. */
export interface Point {
  at: number;
  mean: number;
  low: number;
  high: number;
}

/** The points of a row in a span, and one beside each edge, so that a line goes over it. */
export function pointsOf(history: History, series: MetricSeries, view: Span): (Point | null)[] {
  const step = history.step_seconds * 1000;
  const first = Math.max(0, Math.floor((view.from - history.from) / step) - 1);
  const last = Math.min(series.mean.length - 1, Math.ceil((view.to - history.from) / step) + 1);
  const points: (Point | null)[] = [];
  for (let place = first; place <= last; place += 1) {
    const mean = series.mean[place] ?? null;
    points.push(
      mean === null
        ? null
        : {
            at: history.from + (place + 0.5) * step,
            mean,
            low: series.low[place] ?? mean,
            high: series.high[place] ?? mean,
          },
    );
  }
  return points;
}

/** Points as runs without a hole. */
export function runsOf(points: (Point | null)[]): Point[][] {
  const runs: Point[][] = [];
  let isOpen = false;
  for (const point of points) {
    if (point === null) isOpen = false;
    else {
      if (!isOpen) runs.push([]);
      runs.at(-1)!.push(point);
      isOpen = true;
    }
  }
  return runs;
}

/** The point next to a time; nothing where nobody measured. */
export function pointAt(points: (Point | null)[], at: number, step: number): Point | null {
  let best: Point | null = null;
  for (const point of points)
    if (point && (!best || Math.abs(point.at - at) < Math.abs(best.at - at))) best = point;
  // A monitor that looks every five minutes has one place in five.
  return best && Math.abs(best.at - at) <= step * 6 ? best : null;
}
