// A form from a JSON schema: the fields that it has, the values that they begin with, and what is wrong with what was typed.

export type FieldKind = "text" | "number" | "switch" | "choice" | "list" | "json";

/** What a field holds while it is edited: text, since a half-typed number is no number yet. */
export type Typed = string | boolean;

export interface FormField {
  key: string;
  title: string;
  description: string;
  kind: FieldKind;
  required: boolean;
  integer: boolean;
  /** Numbers in a list are sent as numbers. */
  numbers: boolean;
  default: unknown;
  choices: (string | number)[];
  minimum: number | null;
  maximum: number | null;
  minLength: number;
  maxLength: number | null;
  pattern: string | null;
  /** What kind of text it is, such as `path`; nothing for any. */
  format: string | null;
}

export type FormProblem =
  | { kind: "required" | "not_a_number" | "not_whole" | "not_json" | "pattern" }
  | { kind: "below" | "above"; limit: number }
  | { kind: "too_long"; limit: number };

type Schema = Record<string, unknown>;

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Follows `$ref` into the same schema, and what may be missing to what it is. */
function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  if (depth > 8) return schema;
  const { $ref } = schema;
  if (typeof $ref === "string" && $ref.startsWith("#/")) {
    let found: unknown = root;
    for (const part of $ref.slice(2).split("/")) found = isObject(found) ? found[part] : undefined;
    if (isObject(found)) return resolved({ ...found, ...without(schema, "$ref") }, root, depth + 1);
  }
  for (const word of ["anyOf", "oneOf", "allOf"]) {
    const parts = schema[word];
    if (!Array.isArray(parts)) continue;
    const real = parts.filter((part): part is Schema => isObject(part) && part["type"] !== "null");
    const constants = real.map((part) => part["const"]);
    if (real.length > 1 && constants.every((value) => value !== undefined))
      return { ...without(schema, word), enum: constants };
    if (real.length === 1 && real[0])
      return resolved({ ...real[0], ...without(schema, word) }, root, depth + 1);
  }
  return schema;
}

function without(schema: Schema, key: string): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([own]) => own !== key));
}

function typeOf(schema: Schema): string {
  const type = schema["type"];
  if (typeof type === "string") return type;
  if (Array.isArray(type)) return String(type.find((each) => each !== "null") ?? "");
  return "";
}

function numberOr<T>(value: unknown, other: T): number | T {
  return typeof value === "number" && Number.isFinite(value) ? value : other;
}

function textOr(value: unknown, other: string): string {
  return typeof value === "string" ? value : other;
}

function scalar(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function fieldOf(key: string, raw: unknown, root: Schema, required: boolean): FormField {
  const schema = resolved(isObject(raw) ? raw : {}, root);
  const type = typeOf(schema);
  const choices = Array.isArray(schema["enum"]) ? schema["enum"].filter(scalar) : [];
  const items = resolved(isObject(schema["items"]) ? schema["items"] : {}, root);
  const itemType = typeOf(items);
  const isList = type === "array" && ["string", "integer", "number"].includes(itemType);
  const integer = type === "integer" || itemType === "integer";
  // A limit that is itself not allowed, for whole numbers, is the next one.
  const above = numberOr(schema["exclusiveMinimum"], null);
  const below = numberOr(schema["exclusiveMaximum"], null);
  return {
    key,
    title: textOr(schema["title"], key),
    description: textOr(schema["description"], ""),
    kind:
      choices.length > 0
        ? "choice"
        : type === "boolean"
          ? "switch"
          : type === "integer" || type === "number"
            ? "number"
            : isList
              ? "list"
              : type === "string"
                ? "text"
                : "json",
    required,
    integer,
    numbers: isList && itemType !== "string",
    default: schema["default"],
    choices,
    minimum: numberOr(schema["minimum"], above === null ? null : integer ? above + 1 : above),
    maximum: numberOr(schema["maximum"], below === null ? null : integer ? below - 1 : below),
    minLength: numberOr(schema["minLength"], numberOr(schema["minItems"], 0)),
    maxLength: numberOr(schema["maxLength"], null),
    pattern: typeof schema["pattern"] === "string" ? schema["pattern"] : null,
    format: typeof schema["format"] === "string" ? schema["format"] : null,
  };
}

/** The fields of an object's schema; what must be filled in comes first, as it is in the schema otherwise. */
export function fieldsOf(schema: Schema): FormField[] {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const fields = Object.entries(properties).map(([key, raw]) =>
    fieldOf(key, raw, schema, required.includes(key)),
  );
  return [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)];
}

function typed(field: FormField, value: unknown): Typed {
  if (field.kind === "switch") return value === true;
  if (value === undefined || value === null) return "";
  if (field.kind === "list") return Array.isArray(value) ? value.map(String).join("\n") : String(value);
  if (field.kind === "json") return JSON.stringify(value, null, 2);
  return String(value);
}

/** What the fields hold at first: what is configured, or else the default. */
export function initial(fields: FormField[], config: Schema): Record<string, Typed> {
  return Object.fromEntries(
    fields.map((field) => [field.key, typed(field, config[field.key] ?? field.default)]),
  );
}

function valueOf(field: FormField, text: Typed): { value: unknown } | { problem: FormProblem } {
  if (typeof text === "boolean") return { value: text };
  const trimmed = text.trim();
  if (trimmed === "") return field.required ? { problem: { kind: "required" } } : { value: undefined };
  switch (field.kind) {
    case "number":
      return numberOf(field, trimmed);
    case "choice":
      return { value: field.choices.find((choice) => String(choice) === text) ?? text };
    case "list": {
      const parts = text.split("\n").filter((part) => part.trim() !== "");
      if (!field.numbers) return { value: parts };
      const numbers = parts.map((part) => numberOf({ ...field, minimum: null, maximum: null }, part.trim()));
      const wrong = numbers.find((found) => "problem" in found);
      return wrong ?? { value: numbers.map((found) => ("value" in found ? found.value : null)) };
    }
    case "json":
      try {
        return { value: JSON.parse(text) as unknown };
      } catch {
        return { problem: { kind: "not_json" } };
      }
    default:
      if (field.maxLength !== null && text.length > field.maxLength)
        return { problem: { kind: "too_long", limit: field.maxLength } };
      if (field.pattern !== null && !matches(field.pattern, text)) return { problem: { kind: "pattern" } };
      return { value: text };
  }
}

function numberOf(field: FormField, text: string): { value: number } | { problem: FormProblem } {
  // An input method for Chinese may write digits as wide as its letters.
  const value = Number(text.normalize("NFKC"));
  if (!Number.isFinite(value)) return { problem: { kind: "not_a_number" } };
  if (field.integer && !Number.isInteger(value)) return { problem: { kind: "not_whole" } };
  if (field.minimum !== null && value < field.minimum)
    return { problem: { kind: "below", limit: field.minimum } };
  if (field.maximum !== null && value > field.maximum)
    return { problem: { kind: "above", limit: field.maximum } };
  return { value };
}

/** A pattern that this engine does not know is left to the agent, which checks everything again. */
function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

export interface Filled {
  config: Schema;
  problems: Record<string, FormProblem>;
}

/** What was typed, as the configuration that is sent. Keys that the schema does not know stay as they were. */
export function fill(fields: FormField[], values: Record<string, Typed>, before: Schema): Filled {
  const config = { ...before };
  const problems: Record<string, FormProblem> = {};
  for (const field of fields) {
    const found = valueOf(field, values[field.key] ?? "");
    if ("problem" in found) problems[field.key] = found.problem;
    else if (found.value === undefined) delete config[field.key];
    else config[field.key] = found.value;
  }
  return { config, problems };
}
