// What the host puts into the page before its script runs.

import type { Language, Theme } from "./generated/ipc";

declare global {
  // A `let` or `const` would not be a property of the global object.
  var taskpawStart: { theme: Theme; language: Language } | undefined;
}
