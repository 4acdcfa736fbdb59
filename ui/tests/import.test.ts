// What was taken over from TaskPaw 3: told once, found again in Diagnostics, with a reason for each thing left behind.

import { afterEach, describe, expect, it } from "vitest";

import type { NotTakenReason } from "../src/generated/ipc";
import { speak } from "../src/locales/language.svelte";
import { imported } from "../src/platform/fake/diagnostics";
import { notTakenSentence, partlySentence, sentences, takenSentence, whyNot } from "../src/words/import";
import { click, find, has, open, pass, withWindow } from "./opening";

withWindow();

afterEach(() => speak("en"));

describe("the notice", () => {
  it("says what was taken and what was not, until the person has seen it", async () => {
    const host = await open("imported");
    const text = find("import-notice").textContent ?? "";
    expect(text).toContain(
      "Taken over: ID, machine name, token, address, port, polling interval and 2 monitors.",
    );
    expect(text).toContain("Not taken over: Lada, control port and address.");
    expect(text).toContain("Instead of lada: start it yourself.");
    expect(text).toContain("Taken over without some settings: Database.");
    expect(text).toContain("The machines of the hub are in hub.db. They are taken over when the hub starts.");
    await click("action-import-seen");
    await pass();
    expect(host.asked).toContainEqual({ command: "import_seen" });
    expect(has("import-notice")).toBe(false);
  });

  it("leads to the reasons, which stay", async () => {
    await open("imported", "diagnostics");
    expect(has("import-notice")).toBe(false);
    const text = find("import-details").textContent ?? "";
    expect(text).toContain("/etc/taskpaw");
    expect(text).toContain("This version has no monitor of type lada.");
    expect(text).toContain("It is not between 1 and 65535.");
    expect(text).toContain("Other machines could reach it, and no token is set.");
  });

  it("says why it could not be put away", async () => {
    const host = await open("imported");
    host.world.refuse.import_seen = { code: "internal", message: "the disk is full", detail: null };
    await click("action-import-seen");
    await pass();
    expect(find("import-notice").textContent).toContain("the disk is full");
  });

  it("is not there on a machine without TaskPaw 3", async () => {
    await open("ready", "diagnostics");
    expect(has("import-details")).toBe(false);
  });
});

describe("what an earlier version left behind", () => {
  it("is offered until the person has decided", async () => {
    for (const [button, take_over] of [
      ["action-left-take", true],
      ["action-left-leave", false],
    ] as const) {
      const host = await open("left-behind");
      expect(find("left-behind").textContent).toContain(
        "did not take over everything that this hub had in /etc/taskpaw: its machines and the token that it shows them, where it sends events and the file status.md.",
      );
      await click(button);
      await pass();
      expect(host.asked).toContainEqual({ command: "answer_left_behind", take_over });
      expect(has("left-behind")).toBe(false);
    }
  });

  it("says why it could not be done", async () => {
    const host = await open("left-behind");
    host.world.refuse.answer_left_behind = { code: "internal", message: "the disk is full", detail: null };
    await click("action-left-take");
    await pass();
    expect(find("left-behind").textContent).toContain("the disk is full");
  });
});

describe("the words", () => {
  it("name a few things and count the rest", () => {
    const key = (at: number) => ({
      file: "agent.yaml" as const,
      key: `key${at}`,
      monitor: null,
      reason: { kind: "unknown_key" } as const,
      is_lost: false,
    });
    const many = { ...imported, not_taken: Array.from({ length: 9 }, (_, at) => key(at)), left_out: 2 };
    expect(notTakenSentence(many)).toBe("Not taken over: key0, key1, key2, key3, key4, key5 and 5 more.");
    const whole = { ...key(0), key: "", reason: { kind: "not_utf8" } as const };
    expect(notTakenSentence({ ...imported, not_taken: [whole] })).toBe("Not taken over: agent.yaml.");
    expect(notTakenSentence({ ...imported, not_taken: [] })).toBe(null);
    expect(takenSentence({ ...imported, taken: [] })).toBe(null);
  });

  it("count a monitor as not taken only if none came of it", () => {
    const monitor = (name: string, is_lost: boolean) => ({
      file: "agent.yaml" as const,
      key: is_lost ? "monitors[0].type_id" : "monitors[1].config.x",
      monitor: name,
      reason: { kind: "unknown_key" } as const,
      is_lost,
    });
    const taken = { file: "agent.yaml" as const, key: "monitors[1]", monitor: "proc" };
    const machine = { file: "hub.db" as const, key: "servers", monitor: "render" };
    const report = {
      ...imported,
      taken: [taken, machine],
      not_taken: [monitor("Lada", true), monitor("proc", false)],
    };
    expect(takenSentence(report)).toBe("Taken over: 1 monitor and 1 machine.");
    expect(notTakenSentence(report)).toBe("Not taken over: Lada.");
    expect(partlySentence(report)).toBe("Taken over without some settings: proc.");
  });

  it("name what is lost first, in both languages", () => {
    for (const [language, lost] of [
      ["en", "Not taken over: "],
      ["zh-CN", "未导入："],
    ] as const) {
      speak(language);
      expect(sentences(imported)[0]).toMatch(new RegExp(`^${lost}`));
    }
  });

  it("have a sentence for every reason, in both languages", () => {
    const reasons: NotTakenReason[] = [
      { kind: "unreadable", message: "permission denied" },
      { kind: "not_a_file" },
      { kind: "too_large", most: 262_144 },
      { kind: "syntax", line: 3, column: 5 },
      { kind: "bad_name", most: 100 },
      { kind: "exposure", reason: "wildcard" },
      ...["lada", "jasna", "avsubs", "jellyfin", "of_later"].map((type_id) => ({
        kind: "unknown_monitor" as const,
        type_id,
      })),
      { kind: "not_yes_or_no" },
      { kind: "not_a_number" },
      { kind: "nearest", least: "0.1", most: "3600" },
      { kind: "bad_pattern" },
      { kind: "not_a_whole_path" },
      { kind: "refused" },
      { kind: "not_a_url" },
      { kind: "token_replaced" },
      { kind: "folder_closed" },
      { kind: "watch_itself" },
      { kind: "no_database" },
      { kind: "bad_database", message: "file is not a database" },
      { kind: "too_many", number: 9_000 },
      { kind: "address_twice" },
      { kind: "set_since" },
      { kind: "undelivered", number: 3 },
    ];
    for (const language of ["en", "zh-CN"] as const) {
      speak(language);
      for (const reason of reasons) expect(whyNot(reason)).not.toMatch(/\{\{|import\./);
    }
    expect(whyNot({ kind: "syntax", line: 3, column: 5 })).toBe("文件不是有效的 YAML：第 3 行，第 5 列。");
  });
});
