// What a package is made of, as data: decided here, done in `bundle.mjs`.

/** The kinds of packages that are made on a system. */
export function kinds(platform) {
  if (platform === "win32") return ["nsis", "msi"];
  if (platform === "darwin") return ["app", "dmg"];
  return ["deb", "rpm"];
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
  return { version, bundle };
}

/** The name under which Tauri looks for a program of a system. */
export function sidecarName(name, triple) {
  return `${name}-${triple}${triple.includes("windows") ? ".exe" : ""}`;
}
