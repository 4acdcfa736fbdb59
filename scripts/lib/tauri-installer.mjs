// Tauri's own installer script for Windows, taken out of the packer that npm installs, with what Debian's NSIS lacks put beside it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, StepError } from "./steps.mjs";

/** Where each part begins and what follows it in the packer's program, which carries them as they are. */
const PARTS = {
  "installer.nsi": ["Unicode true\nManifestDPIAware true", "Failed to setup handlebar template"],
  "FileAssociation.nsh": ["; from https://gist.github.com/nikku/", "utils.nsh; Change shell"],
  "utils.nsh": ["; Change shell and registry context", "Signing NSIS plugins"],
};
/** NSIS's names of the languages that the installer speaks, as the parts call them. */
const LANGUAGES = { English: "ENGLISH", SimpChinese: "SIMPCHINESE" };

/**
 * What the script calls of Tauri's plugin, which npm does not install: the newer of two versions, and a text with another one in
 * place of a word. Parameters lie on a stack of texts, which has the form of NSIS's plugins.
 */
export const PLUGIN = `
#include <windows.h>
#include <stdlib.h>
#include <wchar.h>
typedef struct stack { struct stack *next; wchar_t text[1]; } stack;
static wchar_t *pop(stack **top) {
  stack *first = *top;
  if (!first) return _wcsdup(L"");
  wchar_t *text = _wcsdup(first->text);
  *top = first->next;
  GlobalFree(first);
  return text;
}
static void push(stack **top, int size, const wchar_t *text) {
  stack *first = GlobalAlloc(GPTR, sizeof(stack) + size * sizeof(wchar_t));
  wcsncpy(first->text, text, size - 1);
  first->next = *top;
  *top = first;
}
#define CALL(name) __declspec(dllexport) void name(HWND window, int size, wchar_t *variables, stack **top)
CALL(SemverCompare) {
  wchar_t *a = pop(top), *b = pop(top);
  int left[3] = {0}, right[3] = {0};
  swscanf(a, L"%d.%d.%d", left, left + 1, left + 2);
  swscanf(b, L"%d.%d.%d", right, right + 1, right + 2);
  int order = 0;
  for (int at = 0; at < 3 && !order; at++) order = (left[at] > right[at]) - (left[at] < right[at]);
  push(top, size, order == 0 ? L"0" : order > 0 ? L"1" : L"-1");
}
CALL(StrReplace) {
  wchar_t *text = pop(top), *word = pop(top), *by = pop(top), *found = wcsstr(text, word);
  wchar_t *whole = calloc(size, sizeof(wchar_t));
  if (found) {
    _snwprintf(whole, size - 1, L"%.*ls%ls%ls", (int)(found - text), text, by, found + wcslen(word));
  } else {
    wcsncpy(whole, text, size - 1);
  }
  push(top, size, whole);
}
CALL(RunAsUser) {
  pop(top);
  pop(top);
}
`;

/** Debian's NSIS has no file for the restart manager. Wine has none that could end a program: the hooks have done it before. */
const RESTART_MANAGER = `
!define RmForceShutdown 1
!define RmRebootReasonPermissionDenied 1
!macro RestartManager_StartSession out
  StrCpy \${out} ""
!macroend
!macro RestartManager_RegisterFile session file
  StrCpy $0 1
!macroend
!macro RestartManager_EndSession session
!macroend
`;

/** Writes the script and what it includes into a folder; gives the name of the script. */
export function writeScript(folder, values, name = "installer.nsi") {
  const packer = packerText();
  for (const [part, [from, until]] of Object.entries(PARTS)) {
    const text = between(packer, from, until);
    const file = part === "installer.nsi" ? name : part;
    writeFileSync(join(folder, file), part === "installer.nsi" ? whole(render(text, values)) : text);
  }
  for (const [language, id] of Object.entries(LANGUAGES)) {
    // One language follows the other without a new line.
    const words = packer.match(new RegExp(`LangString \\w+ \\$\\{LANG_${id}\\} "[^\\n]*"$`, "gm"));
    if (!words) throw new StepError(`Tauri's packer has no words in ${language}`);
    writeFileSync(join(folder, `${language}.nsh`), `\uFEFF${words.join("\n")}\n`);
  }
  writeFileSync(join(folder, "RestartManager.nsh"), RESTART_MANAGER);
  return name;
}

/** The program of Tauri's packer, as text. */
function packerText() {
  const folder = join(ROOT, "node_modules", "@tauri-apps");
  const cli = readdirSync(folder).find((name) => name.startsWith("cli-linux-"));
  const file = cli && readdirSync(join(folder, cli)).find((name) => name.endsWith(".node"));
  if (!file) throw new StepError("Tauri's packer is not installed: run `npm ci`");
  return readFileSync(join(folder, cli, file)).toString("utf8");
}

function between(text, from, until) {
  const begin = text.indexOf(from);
  const end = text.indexOf(until, begin);
  if (begin === -1 || end === -1) throw new StepError(`Tauri's packer has no installer as it was: ${from}`);
  return text.slice(begin, end);
}

/** Wine has 64 bits here, and the file beside the script comes before NSIS's own. */
function whole(script) {
  return `Target amd64-unicode\n${script.replace('"Win\\RestartManager.nsh"', '"RestartManager.nsh"')}`;
}

/** Fills a template of Handlebars in, as far as this one needs it: values, conditions, and lists. */
export function render(template, values) {
  const open = /\{\{#(if|each) (\w[\w.]*)[^}]*\}\}/.exec(template);
  if (!open) return filled(template, values);
  const [tag, kind, name] = open;
  const from = open.index + tag.length;
  const until = endOf(template, kind, from);
  const body = template.slice(from, until).replace(/^\n/, "");
  const rest = template.slice(until + `{{/${kind}}}`.length);
  return (
    filled(template.slice(0, open.index), values) +
    (kind === "if" ? (values[name] ? render(body, values) : "") : listed(body, values[name], values)) +
    render(rest, values)
  );
}

function listed(body, list, values) {
  const entries = Array.isArray(list) ? list.map((it) => [it, it]) : Object.entries(list ?? {});
  return entries.map(([key, it]) => render(body, { ...values, this: it, "no-escape @key": key })).join("");
}

/** Where the block ends that has begun before a place. */
function endOf(template, kind, from) {
  let depth = 1;
  for (const tag of template.slice(from).matchAll(new RegExp(`\\{\\{(#|/)${kind}\\b[^}]*\\}\\}`, "g"))) {
    depth += tag[1] === "#" ? 1 : -1;
    if (depth === 0) return from + tag.index;
  }
  throw new StepError(`a block of Tauri's installer has no end: ${kind}`);
}

/** What is in braces and no value stays: the script fills it in itself. */
function filled(text, values) {
  return text.replace(/\{\{([^{}]+)\}\}/g, (tag, name) => (name in values ? String(values[name]) : tag));
}
