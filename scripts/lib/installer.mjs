// The hooks of the Windows installer, in a small installer that has nothing else, run in Wine.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, run, say, StepError } from "./steps.mjs";
import { compile, windowsPath } from "./wine.mjs";

/** How long anything here may take, in milliseconds. */
const LONG = 20_000;
/** What TaskPaw's programs are called on Windows. */
export const OURS = ["taskpaw.exe", "taskpaw-backend.exe", "taskpaw-ports.exe"];
/** Plays each of the programs: notes beside itself that it was asked to end, or that it runs, and runs on. */
export const PROGRAM = `
#include <windows.h>
#include <wchar.h>
int wmain(int count, wchar_t **arguments) {
  BOOL asked = count > 1 && !wcscmp(arguments[1], L"--quit");
  wchar_t note[MAX_PATH];
  GetModuleFileNameW(NULL, note, MAX_PATH - 8);
  wcscat(note, asked ? L".asked" : L".runs");
  CloseHandle(CreateFileW(note, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL));
  if (!asked) Sleep(60000);
  return 0;
}
`;
/**
 * As Tauri's: the hook comes before the files, and the uninstaller takes the start at login away. An installer that
 * cannot write a file, or finds something else than it should, says so by its status.
 */
const script = (program) => `
Unicode true
Target amd64-unicode
Name TaskPaw
OutFile install.exe
RequestExecutionLevel user
SilentInstall silent
SilentUnInstall silent
!include LogicLib.nsh
Var UpdateMode
Var DeleteAppDataCheckboxState
!include "${join(ROOT, "packaging", "windows", "hooks.nsh")}"
Section
  SetOutPath $INSTDIR
  !insertmacro NSIS_HOOK_PREINSTALL
  ClearErrors
  File "/oname=taskpaw-backend.exe" "${program}"
  IfErrors 0 +2
    SetErrorLevel 5
  WriteUninstaller "$INSTDIR\\uninstall.exe"
  !insertmacro NSIS_HOOK_POSTINSTALL
  ReadRegStr $0 HKCU "\${TASKPAW_LOGIN}" TaskPaw
  \${If} \${FileExists} "$INSTDIR\\again"
  \${AndIf} $0 != "at login"
    SetErrorLevel 6
  \${EndIf}
  WriteRegStr HKCU "\${TASKPAW_LOGIN}" TaskPaw "at login"
  CreateDirectory "$APPDATA\\TaskPaw\\TaskPaw\\config"
  CreateDirectory "$LOCALAPPDATA\\TaskPaw\\TaskPaw\\data\\state"
  CreateDirectory "$APPDATA\\TaskPaw\\of V3"
SectionEnd
Section Uninstall
  StrCpy $UpdateMode 0
  !insertmacro NSIS_HOOK_PREUNINSTALL
  ClearErrors
  Delete "$INSTDIR\\taskpaw-backend.exe"
  IfErrors 0 +2
    SetErrorLevel 5
  DeleteRegValue HKCU "\${TASKPAW_LOGIN}" TaskPaw
  !insertmacro NSIS_HOOK_POSTUNINSTALL
  ReadRegStr $0 HKCU "\${TASKPAW_LOGIN}" TaskPaw
  \${If} $0 != ""
    SetErrorLevel 6
  \${EndIf}
  \${IfNot} \${FileExists} "$APPDATA\\TaskPaw\\TaskPaw\\config\\*.*"
    SetErrorLevel 7
  \${EndIf}
  StrCpy $DeleteAppDataCheckboxState 1
  !insertmacro NSIS_HOOK_POSTUNINSTALL
  \${If} \${FileExists} "$APPDATA\\TaskPaw\\TaskPaw\\*.*"
  \${OrIf} \${FileExists} "$LOCALAPPDATA\\TaskPaw\\*.*"
  \${OrIfNot} \${FileExists} "$APPDATA\\TaskPaw\\of V3\\*.*"
    SetErrorLevel 8
  \${EndIf}
SectionEnd
`;

/** What a status of the uninstaller means. */
const WRONG = {
  5: "cannot delete a file",
  6: "leaves the start at login of a program that is gone",
  7: "deletes a person's data without being told to",
  8: "does not delete just TaskPaw's own data when it is told to",
};

/** Installs over running programs, and uninstalls; fails if the wrong ones were ended, or the right ones not. */
export async function testInstaller(wine) {
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-installer-"));
  const program = join(folder, "program.exe");
  const started = [];
  const start = async (...path) => {
    const file = join(...path);
    mkdirSync(dirname(file), { recursive: true });
    copyFileSync(program, file);
    rmSync(`${file}.runs`, { force: true });
    const child = wine.start(file, "agent");
    started.push(child);
    await until(() => existsSync(`${file}.runs`), `${path.at(-1)} runs`);
    return child;
  };
  try {
    await compile(PROGRAM, program);
    writeFileSync(join(folder, "install.nsi"), script(program));
    await run("makensis", ["-V2", "-WX", "install.nsi"], { cwd: folder });

    // A name that would end a quoted text, and letters of another alphabet. No space: Wine would put the argument with
    // the folder in quotes, and an installer does not take it so.
    const here = join(folder, "O'Brien's", "应用", "TaskPaw");
    const ours = [];
    for (const name of OURS) ours.push(await start(here, name));
    const others = [
      await start(here, "somebody-elses.exe"),
      await start(folder, "elsewhere", "taskpaw-backend.exe"),
      // A folder whose name only begins like this one's.
      await start(`${here}2`, "taskpaw.exe"),
    ];

    const installed = wine.run(join(folder, "install.exe"), "/S", `/D=${windowsPath(here)}`);
    expect(installed.status === 0, `the files are replaced (${installed.status})`);
    expect(existsSync(join(here, "taskpaw.exe.asked")), "the app is asked to end first");
    await until(() => ours.every(hasEnded), "what runs from the folder is ended");
    expect(!others.some(hasEnded), "whatever else runs is left alone");

    // In place, as an installer calls the uninstaller of the version before: it must not end itself.
    const again = await start(here, "taskpaw-backend.exe");
    const removed = wine.run(join(here, "uninstall.exe"), "/S", `_?=${windowsPath(here)}`);
    expect(removed.status === 0, `the uninstaller ${WRONG[removed.status] ?? `ends with ${removed.status}`}`);
    await until(() => hasEnded(again), "the uninstaller ends what runs");
    expect(!existsSync(join(here, "taskpaw-backend.exe")), "the file is gone");
    expect(!others.some(hasEnded), "whatever else runs is left alone again");
    writeFileSync(join(here, "again"), "");
    const upgraded = wine.run(join(folder, "install.exe"), "/S", `/D=${windowsPath(here)}`);
    expect(upgraded.status === 0, `an upgrade keeps the start at login (${upgraded.status})`);
    say(
      "the installer's hooks: what runs from their folder is ended, and nothing else; what a person set stays",
    );
  } finally {
    for (const child of started.filter((child) => !hasEnded(child))) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

export function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

function expect(holds, what) {
  if (!holds) throw new StepError(`the installer's hooks fail: ${what}`);
}

export async function until(holds, what, within = LONG) {
  const deadline = Date.now() + within;
  while (!(await holds())) {
    expect(Date.now() < deadline, what);
    await sleep(20);
  }
}
