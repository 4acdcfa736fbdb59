// What somebody meets who has no mouse, or wants nothing to move: tried in the window's pages with real keys.

/** The controls that Tab does not reach, and those that do not show that they have the focus. */
export async function withoutMouse(tab) {
  const count = await tab.evaluate(() => {
    const root = document.querySelector("dialog[open]") ?? document.body;
    const controls = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
    const all = [...root.querySelectorAll(controls)].filter(
      (control) => !control.disabled && control.checkVisibility({ visibilityProperty: true }),
    );
    // Whatever has the focus already, the round begins at the top.
    document.activeElement?.blur();
    globalThis.controls = all;
    return all.length;
  });
  const reached = new Set();
  const faint = [];
  // One more press for the page itself, at each end.
  for (let press = 0; press < count + 2; press += 1) {
    await tab.keyboard.press("Tab");
    const { at, shows, what } = await tab.evaluate(() => {
      const control = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(control);
      return {
        at: globalThis.controls.indexOf(control),
        shows: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
        what: control.outerHTML.slice(0, 120),
      };
    });
    if (at >= 0 && !shows && !reached.has(at)) faint.push(`no sign of the focus on ${what}`);
    reached.add(at);
  }
  const missed = await tab.evaluate(
    (reached) =>
      globalThis.controls
        // One that is gone by now was replaced by what the host has said since.
        .filter((control, at) => !reached.includes(at) && control.isConnected)
        .map((control) => control.outerHTML.slice(0, 120)),
    [...reached],
  );
  return [...faint, ...missed.map((what) => `Tab does not reach ${what}`)];
}

/** Whether the dialog that is open begins at its first field, or at the answer that changes nothing. */
export async function beginsWell(tab) {
  const at = await tab.evaluate(() => {
    const dialog = document.querySelector("dialog[open]");
    const field = dialog?.querySelector(".body :is(input:not([type=checkbox]), select, textarea)");
    const wanted = field ?? dialog?.querySelector(".actions button");
    return !wanted || document.activeElement === wanted
      ? null
      : document.activeElement.outerHTML.slice(0, 120);
  });
  return at === null ? [] : [`the dialog begins at ${at}`];
}

/** Whether Escape closes the dialog that is open, and gives the focus back to what opened it. */
export async function leavesByEscape(tab, opener) {
  await tab.keyboard.press("Escape");
  const stays = await tab
    .waitForSelector("dialog[open]", { state: "detached", timeout: 2000 })
    .then(() => false)
    .catch(() => true);
  if (stays) return ["Escape does not close the dialog"];
  const back = await tab.evaluate(() => document.activeElement?.dataset.testid);
  return back === opener ? [] : [`after the dialog the focus is on ${back}, not on ${opener}`];
}

/** What moves for people who want nothing to move. That something moves for the others is a test of this test. */
export async function motion(tab) {
  const moving = () => tab.evaluate(() => document.getAnimations().length);
  const wrong = [];
  if ((await moving()) > 0) wrong.push("something moves for those who want nothing to move");
  await tab.emulateMedia({ reducedMotion: "no-preference" });
  if ((await moving()) === 0) wrong.push("nothing moves at all, so nothing was tried");
  return wrong;
}
