// The form of a JSON schema: its fields, what it begins with, and what it says about what was typed.

import { describe, expect, it } from "vitest";

import { zhCN } from "../src/locales/zh-CN";
import { endpointOf } from "../src/state/draft.svelte";
import { fieldsOf, fill, initial } from "../src/state/schema";
import { fieldTitle } from "../src/words/form";

const schema = {
  type: "object",
  required: ["port", "argv"],
  properties: {
    host: { type: "string", title: "Host", description: "A name.", default: "127.0.0.1", maxLength: 20 },
    port: { type: "integer", title: "Port", minimum: 1, maximum: 65535 },
    timeout: { type: "number", default: 5, exclusiveMinimum: 0, maximum: 60 },
    way: { type: "string", enum: ["up", "down"], default: "up" },
    on: { type: "boolean", default: true },
    argv: { type: "array", items: { type: "string" }, minItems: 1 },
    codes: { type: "array", items: { type: "integer" } },
    name: { anyOf: [{ type: "string", pattern: "^[a-z]+$" }, { type: "null" }] },
    limit: { $ref: "#/$defs/limit" },
    extra: { type: "object" },
  },
  $defs: { limit: { type: ["integer", "null"], title: "Limit", exclusiveMaximum: 10 } },
};

const fields = fieldsOf(schema);
const field = (key: string) => fields.find((each) => each.key === key)!;

function filled(typed: Record<string, string | boolean>, before = {}) {
  return fill(fields, { ...initial(fields, { port: 80, argv: ["ls"] }), ...typed }, before);
}

describe("fields", () => {
  it("has a kind for each type, and what must be filled in first", () => {
    expect(fields.map(({ key, kind }) => `${key} ${kind}`)).toEqual([
      "port number",
      "argv list",
      "host text",
      "timeout number",
      "way choice",
      "on switch",
      "codes list",
      "name text",
      "limit number",
      "extra json",
    ]);
    expect(field("limit")).toMatchObject({ title: "Limit", integer: true, maximum: 9 });
    expect(field("codes")).toMatchObject({ numbers: true });
  });

  it("says nothing of a schema that is none", () => {
    expect(fieldsOf({})).toEqual([]);
    expect(fieldsOf({ properties: { a: 7, b: { $ref: "#/nowhere" } } }).map(({ kind }) => kind)).toEqual([
      "json",
      "json",
    ]);
    const circle = { properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: { $ref: "#/$defs/a" } } };
    expect(fieldsOf(circle)).toHaveLength(1);
  });
});

describe("titles", () => {
  it("call optional only what may be left empty", () => {
    const more = fieldsOf({
      properties: { words: { type: "array", items: { type: "string" }, default: [] } },
    });
    expect([...fields, ...more].filter((each) => fieldTitle(each).includes("optional"))).toEqual([
      field("codes"),
      field("name"),
      field("limit"),
      field("extra"),
      ...more,
    ]);
  });

  it("say the unit of a number in its hint, so that no title has brackets of its own", () => {
    const titles = Object.values(zhCN.monitor_field);
    expect(titles.filter((title) => title.includes("（"))).toEqual([]);
    const hints = Object.entries(zhCN.monitor_field_hint).filter(([key]) =>
      /_seconds$|^timeout$|_interval$/.test(key),
    );
    expect(hints.filter(([, hint]) => !hint.includes("秒"))).toEqual([]);
  });
});

describe("values", () => {
  it("begins with what is configured, else with the default", () => {
    expect(initial(fields, { port: 443, on: false, argv: ["a", "b c"], extra: { x: 1 } })).toMatchObject({
      host: "127.0.0.1",
      port: "443",
      timeout: "5",
      way: "up",
      on: false,
      argv: "a\nb c",
      codes: "",
      extra: '{\n  "x": 1\n}',
    });
  });

  it("is sent with its types, and unknown keys stay", () => {
    const { config, problems } = filled({ codes: "1\n\n2 ", host: "" }, { host: "old", mine: true });
    expect(problems).toEqual({});
    expect(config).toEqual({
      mine: true,
      port: 80,
      argv: ["ls"],
      timeout: 5,
      way: "up",
      on: true,
      codes: [1, 2],
    });
  });

  it.each([
    ["port", "", { kind: "required" }],
    ["port", "eighty", { kind: "not_a_number" }],
    ["port", "80.5", { kind: "not_whole" }],
    ["port", "0", { kind: "below", limit: 1 }],
    ["port", "65536", { kind: "above", limit: 65535 }],
    ["timeout", "-1", { kind: "below", limit: 0 }],
    ["limit", "10", { kind: "above", limit: 9 }],
    ["argv", " \n ", { kind: "required" }],
    ["codes", "1\nx", { kind: "not_a_number" }],
    ["name", "A1", { kind: "pattern" }],
    ["host", "a".repeat(21), { kind: "too_long", limit: 20 }],
    ["extra", "{", { kind: "not_json" }],
  ])("refuses %s = %j", (key, text, problem) => {
    expect(filled({ [key]: text }).problems).toEqual({ [key]: problem });
  });

  it("leaves a pattern that it does not know to the agent", () => {
    const odd = fieldsOf({ properties: { a: { type: "string", pattern: "(?i)x" } } });
    expect(fill(odd, { a: "y" }, {}).problems).toEqual({});
  });
});

describe("digits of an input method for Chinese", () => {
  it("are digits", () => {
    expect(endpointOf("127.0.0.1", " ５６８０ ")).toEqual({ host: "127.0.0.1", port: 5680 });
    expect(endpointOf("127.0.0.1", "五六").port).toBe(0);
    expect(filled({ port: "５６８０", argv: "a" })).toMatchObject(filled({ port: "5680", argv: "a" }));
  });
});
