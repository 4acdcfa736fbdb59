// What the documents say of being told is all that there is.

import { expect, it } from "vitest";

import { eventKinds } from "../src/words/event";

const documents = import.meta.glob<string>("../../docs/being-told.md", {
  query: "?raw",
  import: "default",
  eager: true,
});

it("names each kind of event, and no other", () => {
  const [text = ""] = Object.values(documents);
  const table = text.slice(text.indexOf("## By kind"), text.indexOf("## By case"));
  const named = [...table.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, kinds = ""]) =>
    [...kinds.matchAll(/`(\w+)`/g)].map(([, kind = ""]) => kind),
  );
  expect(named.toSorted()).toEqual([...eventKinds].sort());
});
