// The installer that people get, made of Tauri's own script and this project's hooks, run in Wine: first install, upgrade over
// running programs, an older version, and both ways to uninstall.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { OURS, PROGRAM, until, hasEnded } from "./installer.mjs";
import { ROOT, run, say, StepError } from "./steps.mjs";
import { PLUGIN, writeScript } from "./tauri-installer.mjs";
import { compile, windowsPath } from "./wine.mjs";

const BUNDLE = JSON.parse(readFileSync(join(ROOT, "src-tauri", "bundle.conf.json"), "utf8")).bundle;
const APP = JSON.parse(readFileSync(join(ROOT, "tauri.conf.json"), "utf8"));
/** Reads or writes the entry that starts TaskPaw at login; its status says whether it is there. */
const AT_LOGIN = `
#include <windows.h>
#include <wchar.h>
int wmain(int count, wchar_t **arguments) {
  HKEY key;
  if (RegCreateKeyExW(HKEY_CURRENT_USER, L"Software\\\\Microsoft\\\\Windows\\\\CurrentVersion\\\\Run", 0, NULL, 0,
                      KEY_ALL_ACCESS, NULL, &key, NULL)) return 9;
  if (count > 1) return RegSetValueExW(key, L"TaskPaw", 0, REG_SZ, (BYTE *)arguments[1], 2 * wcslen(arguments[1]) + 2);
  return RegQueryValueExW(key, L"TaskPaw", NULL, NULL, NULL, NULL) ? 1 : 0;
}
`;

/** Makes the installer of a version; its programs say in their last bytes which. */
async function made(folder, version) {
  const programs = join(folder, version);
  mkdirSync(programs);
  for (const name of OURS) {
    copyFileSync(join(folder, "program.exe"), join(programs, name));
    writeFileSync(join(programs, name), `version ${version}`, { flag: "a" });
  }
  const [, ...sidecars] = OURS;
  const script = writeScript(
    folder,
    {
      compression: "none",
      installer_hooks: join(ROOT, "packaging", "windows", "hooks.nsh"),
      manufacturer: BUNDLE.publisher,
      product_name: APP.productName,
      version,
      version_with_build: `${version}.0`,
      homepage: "",
      install_mode: BUNDLE.windows.nsis.installMode,
      license: join(ROOT, "LICENSE"),
      installer_icon: join(ROOT, "src-tauri", "icons", "icon.ico"),
      sidebar_image: "",
      header_image: "",
      uninstaller_icon: "",
      uninstaller_header_image: "",
      main_binary_name: "taskpaw",
      main_binary_path: join(programs, "taskpaw.exe"),
      bundle_id: APP.identifier,
      copyright: BUNDLE.copyright,
      out_file: `${version}.exe`,
      arch: "x64",
      additional_plugins_path: folder,
      allow_downgrades: "true",
      display_language_selector: "false",
      install_webview2_mode: "skip",
      webview2_installer_args: "",
      webview2_bootstrapper_path: "",
      webview2_installer_path: "",
      minimum_webview2_version: "",
      uninstaller_sign_cmd: "",
      estimated_size: "1",
      start_menu_folder: "",
      languages: BUNDLE.windows.nsis.languages,
      language_files: BUNDLE.windows.nsis.languages.map((language) => `${language}.nsh`),
      binaries: Object.fromEntries(sidecars.map((name) => [join(programs, name), name])),
    },
    `${version}.nsi`,
  );
  await run("makensis", ["-V1", script], { cwd: folder });
  return join(folder, `${version}.exe`);
}

/** Goes every way that an installer has, once or more often; fails where a file stays old or somebody else's program is ended. */
export async function testWholeInstaller(wine, rounds = 1) {
  const folder = mkdtempSync(join(tmpdir(), "taskpaw-tauri-"));
  const started = [];
  try {
    await compile(PROGRAM, join(folder, "program.exe"));
    await compile(AT_LOGIN, join(folder, "at-login.exe"));
    await compile(PLUGIN, join(folder, "nsis_tauri_utils.dll"), "-shared");
    const installers = { older: await made(folder, "4.0.0"), newer: await made(folder, "4.1.0") };
    const ways = new Ways(wine, folder, installers, started);
    for (let round = 0; round < rounds; round += 1) await ways.all(round);
    say(
      `Tauri's installer with the hooks, ${rounds} times: every file is new, a person's settings stay, and only what runs ` +
        "from its folder is ended",
    );
  } finally {
    for (const child of started.filter((child) => !hasEnded(child))) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

class Ways {
  constructor(wine, folder, installers, started) {
    Object.assign(this, { wine, folder, installers, started });
  }

  async all(round) {
    const here = join(this.folder, `O'Brien's`, `应用${round}`, "TaskPaw");
    this.here = here;
    this.install("older", "4.0.0", "first");
    const foreign = [
      await this.start(here, "somebody-elses.exe"),
      await this.start(this.folder, `elsewhere${round}`, "taskpaw-backend.exe"),
    ];
    this.expect(this.atLogin("at login") === 0, "an entry can be made");
    for (const [which, version] of [
      ["newer", "4.1.0"],
      ["older", "4.0.0"],
      ["newer", "4.1.0"],
    ]) {
      const running = [];
      for (const name of OURS) running.push(await this.start(here, name, false));
      this.install(which, version, "over running programs");
      this.expect(existsSync(join(here, "taskpaw.exe.asked")), "the app is asked to end first");
      await until(() => running.every(hasEnded), "what ran from the folder is ended");
      this.expect(this.atLogin() === 0, "the start at login is kept");
    }
    // In place, as an installer calls the uninstaller of the version before when a person has it uninstall first.
    const last = await this.start(here, "taskpaw-backend.exe", false);
    this.run(join(here, "uninstall.exe"), "/S", `_?=${windowsPath(here)}`);
    await until(() => hasEnded(last), "the uninstaller ends what runs");
    this.expect(!OURS.some((name) => existsSync(join(here, name))), "an uninstaller leaves no program");
    this.install("newer", "4.1.0", "after it");
    this.expect(this.atLogin() === 0, "the start at login is back");
    // As a person: it goes on by way of a copy of itself in another folder.
    this.run(join(here, "uninstall.exe"), "/S");
    await until(() => !existsSync(join(here, "uninstall.exe")), "the uninstaller is gone");
    await until(() => this.atLogin() === 1, "nothing starts at login any more");
    this.expect(!OURS.some((name) => existsSync(join(here, name))), "no program is left");
    this.expect(!foreign.some(hasEnded), "whatever else runs is left alone");
    for (const child of foreign) child.kill("SIGKILL");
  }

  install(which, version, what) {
    this.run(this.installers[which], "/S", `/D=${windowsPath(this.here)}`);
    for (const name of OURS) {
      const file = join(this.here, name);
      const isNew = existsSync(file) && readFileSync(file).toString("latin1").endsWith(`version ${version}`);
      this.expect(isNew, `${name} is ${version} (${what})`);
    }
  }

  run(program, ...args) {
    const ran = this.wine.run(program, ...args);
    const how = `${program} ${args[0]} ends with ${ran.status ?? ran.signal}: ${ran.stderr}`;
    this.expect(ran.status === 0, how);
  }

  atLogin(...value) {
    return this.wine.run(join(this.folder, "at-login.exe"), ...value).status;
  }

  /** Starts a program of a folder; `copies` says whether it is not there yet. */
  async start(...path) {
    const copies = typeof path.at(-1) === "boolean" ? path.pop() : true;
    const file = join(...path);
    mkdirSync(dirname(file), { recursive: true });
    if (copies) copyFileSync(join(this.folder, "program.exe"), file);
    rmSync(`${file}.runs`, { force: true });
    const child = this.wine.start(file, "agent");
    this.started.push(child);
    await until(() => existsSync(`${file}.runs`), `${path.at(-1)} runs`);
    return child;
  }

  expect(holds, what) {
    if (!holds) throw new StepError(`Tauri's installer with the hooks fails: ${what}`);
  }
}
