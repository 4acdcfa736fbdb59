// How something was over a time, as pieces one after another: pure functions from what an agent keeps.

import type { MonitorState, StateSince } from "../generated/ipc";

/** A state, or that nobody watched, or that nothing is known. */
export type Was = MonitorState | "unwatched" | "unknown_before";

export interface Piece {
  from: number;
  to: number;
  was: Was;
}

/** A stretch of time, in ms since 1970. */
export interface Span {
  from: number;
  to: number;
}

/** The pieces of a span, without a hole between them. */
export function piecesOf(states: StateSince[], span: Span): Piece[] {
  const pieces: Piece[] = [];
  const add = (from: number, to: number, was: Was) => {
    const [begin, end] = [Math.max(from, span.from), Math.min(to, span.to)];
    if (end <= begin) return;
    const last = pieces.at(-1);
    if (last?.was === was) last.to = end;
    else pieces.push({ from: begin, to: end, was });
  };
  add(span.from, states[0]?.at ?? span.to, "unknown_before");
  states.forEach(({ at, state }, index) => {
    add(at, states[index + 1]?.at ?? span.to, state ?? "unwatched");
  });
  return pieces;
}

/** How much it matters: of what is too short to be seen beside others, the worst is drawn. */
const weight: Record<Was, number> = {
  error: 6,
  degraded: 5,
  running: 4,
  ok: 3,
  idle: 3,
  stopped: 2,
  unknown: 1,
  unwatched: 1,
  unknown_before: 0,
};

/**
 * The same, with nothing narrower than a share of the span: a minute of a week is a tenth of a pixel, and that it was broken
 * must be seen all the same.
 */
export function drawn(pieces: Piece[], span: Span, narrowest: number): Piece[] {
  const step = (span.to - span.from) * narrowest;
  if (pieces.every(({ from, to }) => to - from >= step)) return pieces;
  const slots = Math.max(1, Math.round(1 / narrowest));
  const found: Piece[] = [];
  let at = 0;
  for (let slot = 0; slot < slots; slot += 1) {
    const from = span.from + slot * step;
    const to = slot === slots - 1 ? span.to : from + step;
    while (at < pieces.length - 1 && pieces[at]!.to <= from) at += 1;
    let was: Was = pieces[at]!.was;
    for (let next = at; next < pieces.length && pieces[next]!.from < to; next += 1) {
      const other = pieces[next]!.was;
      if (weight[other] > weight[was]) was = other;
    }
    const last = found.at(-1);
    if (last?.was === was) last.to = to;
    else found.push({ from, to, was });
  }
  return found;
}

/** How it was at a time. */
export function pieceAt(pieces: Piece[], at: number): Piece | null {
  return pieces.find(({ from, to }) => from <= at && at < to) ?? null;
}

/** The share of the time that it was well, of the time that somebody watched it; nothing if nobody did. */
export function wellShare(pieces: Piece[]): number | null {
  let watched = 0;
  let well = 0;
  for (const { from, to, was } of pieces) {
    if (was === "unwatched" || was === "unknown_before" || was === "unknown" || was === "stopped") continue;
    watched += to - from;
    if (was !== "error" && was !== "degraded") well += to - from;
  }
  return watched === 0 ? null : well / watched;
}

/** How often it broke. */
export function breaks(pieces: Piece[]): number {
  const isBroken = (was: Was | undefined) => was === "error" || was === "degraded";
  return pieces.filter(({ was }, index) => isBroken(was) && !isBroken(pieces[index - 1]?.was)).length;
}

/** A narrower or wider part of a span around a time, not wider than all of it, and not narrower than some minutes. */
export function zoomed(view: Span, all: Span, factor: number, around: number): Span {
  const narrowest = 5 * 60_000;
  const width = Math.min(all.to - all.from, Math.max(narrowest, (view.to - view.from) * factor));
  const share = (around - view.from) / (view.to - view.from);
  const from = Math.min(all.to - width, Math.max(all.from, around - share * width));
  return { from, to: from + width };
}

/** Moved by a share of its own width, not over the edge. */
export function moved(view: Span, all: Span, by: number): Span {
  const width = view.to - view.from;
  const from = Math.min(all.to - width, Math.max(all.from, view.from + by * width));
  return { from, to: from + width };
}
