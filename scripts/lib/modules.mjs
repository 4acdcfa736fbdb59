// Which module of a crate uses which, read from its text: nothing is built for it.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/**
 * The modules of a crate and what they use of one another: `{ name, file, uses }`, by name as in `sys::linux`; the crate's root is "".
 * What only tests have is left out. A name that a module passes on (`pub use`) counts as the module that has it.
 */
export function modulesOf(root) {
  const modules = new Map();
  add(modules, root, "", dirname(root));
  for (const module of modules.values()) {
    module.uses = new Set();
    for (const path of pathsIn(module.text)) {
      const used = resolve(modules, module.name, path);
      if (used !== undefined && used !== module.name) module.uses.add(used);
    }
  }
  return modules;
}

/** Reads a module, and those that it declares. */
function add(modules, file, name, folder) {
  const text = withoutTests(withoutComments(readFileSync(file, "utf8")));
  modules.set(name, { name, file, text, reexports: reexports(text) });
  for (const [, path, child] of text.matchAll(
    /(?:#\[path = "([^"]+)"\]\s*)?(?:pub(?:\([^)]*\))? )?mod (\w+);/g,
  )) {
    const places = path
      ? [join(dirname(file), path)]
      : [join(folder, `${child}.rs`), join(folder, child, "mod.rs")];
    const place = places.find(existsSync);
    const child_name = name ? `${name}::${child}` : child;
    if (place && !modules.has(child_name)) add(modules, place, child_name, join(folder, child));
  }
}

function withoutComments(text) {
  return text
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/"(?:\\[^]|[^"\\\n])*"/g, (it) => (it.endsWith('.rs"') ? it : '""'));
}

/** Cuts what is compiled for tests alone: one item each, up to its semicolon or its closing brace. */
function withoutTests(text) {
  const marked = /#\[cfg\((?:test|all\(test[^\]]*)\)\]/g;
  let [kept, from] = ["", 0];
  for (let found = marked.exec(text); found; found = marked.exec(text)) {
    if (found.index < from) continue;
    kept += text.slice(from, found.index);
    from = endOfItem(text, marked.lastIndex);
    marked.lastIndex = from;
  }
  return kept + text.slice(from);
}

function endOfItem(text, from) {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}" && --depth === 0) return at + 1;
    if (text[at] === ";" && depth === 0) return at + 1;
  }
  return text.length;
}

/** Every path of this crate that a text names, those of `use` trees one by one. */
function pathsIn(text) {
  const paths = [];
  const rest = text.replace(/\buse\s+([^;]+);/g, (_all, tree) => {
    paths.push(...leaves(tree).map((path) => path.map(named)));
    return "";
  });
  for (const [path] of rest.matchAll(/\b(?:crate|super|self)(?:::\w+)+/g)) paths.push(path.split("::"));
  return paths.filter(([first]) => ["crate", "super", "self"].includes(first) || /^[a-z_]\w*$/.test(first));
}

/** `a::{b, c::{d, e as f}}` as `a::b`, `a::c::d` and `a::c::e@f`. */
function leaves(tree) {
  const text = tree.replace(/\s+as\s+(\w+)/g, "@$1").replace(/\s+/g, "");
  const read = (at, prefix) => {
    const found = [];
    let word = "";
    for (; at < text.length; at++) {
      const letter = text[at];
      if (letter === "{") {
        const [inner, end] = read(at + 1, [...prefix, ...word.split("::").filter(Boolean)]);
        found.push(...inner);
        [word, at] = ["", end];
      } else if (letter === "," || letter === "}") {
        if (word) found.push([...prefix, ...word.split("::").filter(Boolean)]);
        word = "";
        if (letter === "}") return [found, at];
      } else word += letter;
    }
    if (word) found.push([...prefix, ...word.split("::").filter(Boolean)]);
    return [found, at];
  };
  return read(0, [])[0];
}

/** A part of a path without the other name that it gets. */
function named(part) {
  return part.split("@")[0];
}

/** The names that a module passes on, with the paths where it has them from. */
function reexports(text) {
  const names = new Map();
  for (const [, tree] of text.matchAll(/\bpub(?:\([^)]*\))?\s+use\s+([^;]+);/g)) {
    for (const path of leaves(tree)) names.set(path.at(-1).split("@").at(-1), path.map(named));
  }
  return names;
}

/** The module in which a path ends, seen from another; nothing for what is not of this crate. */
function resolve(modules, from, path, depth = 0) {
  let [at, rest] = [from, [...path]];
  const parent = (name) => name.split("::").slice(0, -1).join("::");
  if (rest[0] === "crate") [at, rest] = ["", rest.slice(1)];
  else if (rest[0] === "self") rest = rest.slice(1);
  else if (rest[0] === "super") {
    while (rest[0] === "super") [at, rest] = [parent(at), rest.slice(1)];
  } else if (!modules.has(child(at, rest[0]))) return undefined;
  for (;;) {
    const [first] = rest;
    if (first === undefined) return at;
    if (modules.has(child(at, first))) {
      [at, rest] = [child(at, first), rest.slice(1)];
      continue;
    }
    const passed = modules.get(at).reexports.get(first);
    if (passed && depth < 8) return resolve(modules, at, [...passed, ...rest.slice(1)], depth + 1) ?? at;
    return at;
  }
}

function child(of, name) {
  return of ? `${of}::${name}` : name;
}

/** The groups of things that use one another in a circle: each has at least two. `uses` is a map from each to a set. */
export function circles(uses) {
  const [index, low, stack, on, found] = [new Map(), new Map(), [], new Set(), []];
  const visit = (it) => {
    index.set(it, index.size);
    low.set(it, index.get(it));
    stack.push(it);
    on.add(it);
    for (const next of uses.get(it) ?? []) {
      if (!index.has(next)) {
        visit(next);
        low.set(it, Math.min(low.get(it), low.get(next)));
      } else if (on.has(next)) low.set(it, Math.min(low.get(it), index.get(next)));
    }
    if (low.get(it) !== index.get(it)) return;
    const group = [];
    for (let last; last !== it;) {
      last = stack.pop();
      on.delete(last);
      group.push(last);
    }
    if (group.length > 1) found.push(group.sort());
  };
  for (const it of uses.keys()) if (!index.has(it)) visit(it);
  return found.sort();
}

/**
 * The modules by families: the children of one module are one family, and what is deeper counts as the child that it is in. A
 * module and its own children are one thing, made of parts; between two children of one module everything goes one way.
 */
export function families(modules) {
  const all = new Map();
  for (const module of modules.values()) {
    for (const used of module.uses) {
      const [a, b] = [module.name.split("::"), used.split("::")];
      let shared = 0;
      while (shared < a.length && shared < b.length && a[shared] === b[shared]) shared += 1;
      if (!module.name || !used || shared === a.length || shared === b.length) continue;
      const family = a.slice(0, shared).join("::");
      const of = all.get(family) ?? all.set(family, new Map()).get(family);
      const [user, what] = [a, b].map((it) => it.slice(0, shared + 1).join("::"));
      if (!of.has(user)) of.set(user, new Set());
      of.get(user).add(what);
    }
  }
  return all;
}

/** A file as people write it. */
export function shown(file, root) {
  return relative(root, file).replaceAll("\\", "/");
}
