// The time for what counts down or ages on the screen; it ticks only while something shows it.

import { createSubscriber } from "svelte/reactivity";

const subscribeSlowly = createSubscriber((update) => {
  const timer = setInterval(update, 30_000);
  return () => clearInterval(timer);
});

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 250);
  return () => clearInterval(timer);
});

/** Milliseconds since 1970; whoever reads it in a component or an effect sees it move. */
export function now(): number {
  subscribe();
  return Date.now();
}

/** The same for ages in minutes: twice in each is often enough, and a window that nobody touches hardly wakes for it. */
export function nowAndThen(): number {
  subscribeSlowly();
  return Date.now();
}
