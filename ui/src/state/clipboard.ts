// Copying what has to be asked for first.

/**
 * Copies a text that comes later; says whether that went well. A page may write to the clipboard only while a click is fresh, and
 * asking takes longer than that: the clipboard is given a promise of it.
 */
export async function copyLater(text: Promise<string>): Promise<boolean> {
  try {
    const promised = text.then((answer) => new Blob([answer], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": promised })]);
    return true;
  } catch {
    return false;
  }
}

/** Copies a text; says whether that went well. */
export async function copyNow(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
