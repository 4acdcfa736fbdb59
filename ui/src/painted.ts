// Tells the host that there is something to see. Two frames later, what was mounted has really been painted.

import type { Platform } from "./platform/types";

export function tellWhenPainted(platform: Platform): void {
  requestAnimationFrame(() => {
    requestAnimationFrame(() => {
      // Nothing depends on the answer: the host only measures with it.
      platform.call<"painted">({ command: "painted" }).catch(() => {});
    });
  });
}
