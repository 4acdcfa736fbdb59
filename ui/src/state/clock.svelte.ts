// The time for what counts down or ages on the screen; it ticks only while something shows it.

import { createSubscriber } from "svelte/reactivity";

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 250);
  return () => clearInterval(timer);
});

/** Milliseconds since 1970; whoever reads it in a component or an effect sees it move. */
export function now(): number {
  subscribe();
  return Date.now();
}
