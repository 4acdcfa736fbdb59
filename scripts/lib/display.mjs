// A window needs a display and a session bus; where there is none, a virtual one of its own.
import { say } from "./steps.mjs";

/** Whether a window can be shown to somebody. */
export function hasDisplay() {
  return process.platform !== "linux" || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

/**
 * The command that runs a program on a virtual display with a private session bus. What the program prints goes
 * to descriptor 3: the services that the bus starts print to descriptor 1, and are none of the result.
 */
export function onVirtualDisplay(program, args) {
  say("there is no display: using a virtual one with a private session bus (nothing is shown on a screen)");
  const screen = ["--auto-servernum", "--server-args", "-screen 0 1280x900x24 -nolisten tcp"];
  const printing = ["sh", "-c", 'exec "$@" >&3 3>&-', "sh", program, ...args];
  return ["dbus-run-session", ["--", "xvfb-run", ...screen, ...printing]];
}

/** The environment on a virtual display: nobody listens to a screen reader's bus there. */
export function virtualEnvironment() {
  return { ...process.env, NO_AT_BRIDGE: "1", GTK_A11Y: "none" };
}
