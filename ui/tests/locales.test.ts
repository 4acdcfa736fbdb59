// The words: the same keys with the same variables in both languages, none unused, none missing.

import { describe, expect, it } from "vitest";

import { en } from "../src/locales/en";
import { spokenFor } from "../src/locales/language.svelte";
import { zhCN } from "../src/locales/zh-CN";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "string" ? [[prefix + key, value]] : Object.entries(flat(value, `${prefix}${key}.`)),
    ),
  );
}

const english = flat(en);
const chinese = flat(zhCN);

const sources = import.meta.glob<string>(["../src/**/*.{ts,svelte}", "!../src/locales/{en,zh-CN}.ts"], {
  query: "?raw",
  import: "default",
  eager: true,
});

/** Every key in the sources: a text with a dot, or a template, whose variables stand for one word of a key. */
function used(): RegExp[] {
  const found: RegExp[] = [];
  const text = /"([\w-]+\.[\w.-]+)"|`([\w-]+\.(?:[\w.-]|\$\{[^}]*\})+)`/g;
  for (const source of Object.values(sources)) {
    for (const [, plain, template] of source.matchAll(text)) {
      const pattern = (plain ?? template ?? "").replaceAll(".", "\\.").replace(/\$\{[^}]*\}/g, "[\\w-]+");
      found.push(new RegExp(`^${pattern}$`));
    }
  }
  return found;
}

function variables(text: string): string[] {
  return [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name ?? "").sort();
}

describe("words", () => {
  it("has the same keys in both languages", () => {
    expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort());
  });

  it("has the same variables in both languages", () => {
    const of = (words: Record<string, string>) =>
      Object.fromEntries(Object.entries(words).map(([key, text]) => [key, [...new Set(variables(text))]]));
    expect(of(chinese)).toEqual(of(english));
  });

  it("has no empty text", () => {
    const empty = [...Object.entries(english), ...Object.entries(chinese)].filter(([, text]) => !text.trim());
    expect(empty).toEqual([]);
  });

  it("uses every key", () => {
    const patterns = used();
    // What is said outside of the window is used by the host and its crates, whose compiler knows.
    const isSaidHere = (key: string) => !/^(native|menu_bar|updates\.refused)\./.test(key);
    const unused = Object.keys(english)
      .filter(isSaidHere)
      .filter((key) => !patterns.some((pattern) => pattern.test(key)));
    expect(unused).toEqual([]);
  });

  it("writes Chinese with Chinese punctuation", () => {
    const wrong = Object.entries(chinese).filter(([, text]) => /[\u4e00-\u9fff][,;!?()]/.test(text));
    expect(wrong).toEqual([]);
  });
});

describe("spokenFor", () => {
  it("follows the person, then the system", () => {
    expect(spokenFor("en", "zh-CN")).toBe("en");
    expect(spokenFor("zh-CN", "en-GB")).toBe("zh-CN");
    expect(["zh-CN", "zh", "zh-Hans-SG", "ZH-cn"].map((system) => spokenFor("system", system))).toEqual(
      Array(4).fill("zh-CN"),
    );
    expect(["en-US", "de-DE", "zhx"].map((system) => spokenFor("system", system))).toEqual(
      Array(3).fill("en"),
    );
  });
});
