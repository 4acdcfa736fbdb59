// What a package is made of, as data: decided here, done in `bundle.mjs`.

/** The kind that Tauri does not make: versions side by side for one person (Linux). */
export const ARCHIVE = "archive";

/** The kinds of packages that are made on a system. */
export function kinds(platform) {
  // No MSI: it would know nothing of what the installer's hooks do when TaskPaw runs, nor of an installation by NSIS.
  if (platform === "win32") return ["nsis"];
  if (platform === "darwin") return ["app", "dmg"];
  return ["deb", "rpm", ARCHIVE];
}

/**
 * What a package's configuration says besides `src-tauri/bundle.conf.json`. `stage` is where the programs of this
 * version are, from the top folder on, with forward slashes.
 *
 * On macOS a program without any signature is called damaged on Apple silicon, so that one without an identity is
 * signed ad hoc. With an identity nothing is said: Tauri signs and notarises with it.
 */
export function packageConfig({ platform, version, stage, identity }) {
  const bundle = { externalBin: [`${stage}/sidecar/taskpaw-backend`, `${stage}/sidecar/taskpaw-ports`] };
  if (platform === "darwin" && !identity) bundle.macOS = { signingIdentity: "-" };
  if (platform === "linux") {
    const manuals = Object.fromEntries(
      MANUALS.map((name) => [`/usr/share/man/man1/${name}.gz`, `${stage}/${name}.gz`]),
    );
    bundle.linux = {
      deb: { files: { ...manuals, [DEBIAN_CHANGELOG]: `${stage}/changelog.gz` } },
      rpm: { files: manuals },
    };
  }
  return { version, bundle };
}

/**
 * The environment in which Tauri packs. It takes an empty variable for a certificate or an account that was given, and a
 * continuous integration without secrets sets all of them empty; without an identity neither is of use.
 */
export function signingEnv(env) {
  const isForSigning = ([name]) => name.startsWith("APPLE_");
  const isOfUse = ([, value]) => value && env.APPLE_SIGNING_IDENTITY;
  return Object.fromEntries(Object.entries(env).filter((entry) => !isForSigning(entry) || isOfUse(entry)));
}

/** Where Debian looks for it; Tauri's own key puts it under the product's name instead of the package's. */
const DEBIAN_CHANGELOG = "/usr/share/doc/task-paw/changelog.gz";

/** The manual pages, one for each program. */
export const MANUALS = ["taskpaw.1", "taskpaw-backend.1", "taskpaw-ports.1"];

/** The changes of a version, in Debian's form: no line is longer than 80 letters. */
export function debianChangelog({ version, changes, date }) {
  const from = changes.indexOf(`## ${version}`);
  const section = from === -1 ? "" : changes.slice(from).split(/\n## /)[0];
  const points = [...section.matchAll(/^- (.*(?:\n {2}.*)*)/gm)].map(([, point]) => point);
  if (points.length === 0) points.push("See the project's list of changes.");
  const lines = points.map((point) => `  * ${folded(point, 76).join("\n    ")}`).join("\n");
  const when = date.toUTCString().replace("GMT", "+0000");
  return `task-paw (${version}) stable; urgency=medium\n\n${lines}\n\n -- ${MAINTAINER}  ${when}\n`;
}

/** The words of a text in lines of at most so many letters. */
function folded(text, width) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

const MAINTAINER = "The TaskPaw developers <developers@taskpaw.app>";

/** The packages' names of systems and machines. */
const SYSTEMS = { linux: "linux", darwin: "macos", win32: "windows" };

/**
 * What a package's file is called, whatever its tool called it. All files of a release begin with the app and its
 * version, then its system and the machine, so that a list of them is in order.
 */
export function packageName({ file, version, platform, arch }) {
  // What Tauri packs a Debian package from are archives too.
  const extension = file === "TaskPaw.tar.gz" ? "tar.gz" : /\.(deb|rpm|exe|dmg)$/.exec(file)?.[1];
  if (!extension) return undefined;
  return `TaskPaw_${version}_${SYSTEMS[platform]}_${arch}.${extension}`;
}

/** The name under which Tauri looks for a program of a system. */
export function sidecarName(name, triple) {
  return `${name}-${triple}${triple.includes("windows") ? ".exe" : ""}`;
}
