// Lists of what is inside (CycloneDX), as data: made by `sbom.mjs`, the same each time from the same sources.

/** Each list, and what it cannot be without: a list that lacks one of these was made of something else. */
export const LISTS = {
  host: ["tauri", "tauri-plugin-window-state", "port-takeover", "taskpaw-contract"],
  backend: ["axum", "rusqlite", "sysinfo", "port-takeover", "taskpaw-contract"],
  ports: ["clap", "port-takeover", "taskpaw-contract"],
  window: ["svelte", "i18next", "@tauri-apps/api"],
};

/** The name of a list beside the packages of its version. */
export function listName(list, version) {
  return `TaskPaw_${version}_sbom_${list}.cdx.json`;
}

/**
 * A list as it is published: without the number and the time of its making and the folder of this checkout, so that the
 * same sources make the same list, and no list tells of the machine that made it.
 */
export function settled(text, { list, version, root }) {
  const folder = root.replaceAll("\\", "/").replace(/\/$/, "");
  const { serialNumber: _number, ...made } = JSON.parse(text.replaceAll(folder, ""));
  delete made.metadata.timestamp;
  // npm names the folder.
  made.metadata.component.name = list === "window" ? "taskpaw-window" : made.metadata.component.name;
  made.metadata.component.version = version;
  return `${JSON.stringify(made, undefined, 2)}\n`;
}

/** What a list should have and has not. */
export function missingIn(text, list) {
  const names = new Set(JSON.parse(text).components.map(fullName));
  return LISTS[list].filter((name) => !names.has(name));
}

/** A package of npm may have a group, which a list has in a place of its own. */
function fullName({ group, name }) {
  return group ? `${group}/${name}` : name;
}
