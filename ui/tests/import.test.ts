// What was taken over from TaskPaw 3: told once, found again in Diagnostics, with a reason for each thing left behind.

import { afterEach, describe, expect, it } from "vitest";

import type { NotTakenReason } from "../src/generated/ipc";
import { speak } from "../src/locales/language.svelte";
import { imported } from "../src/platform/fake/diagnostics";
import { notTakenSentence, takenSentence, whyNot } from "../src/words/import";
import { click, find, has, open, pass, withWindow } from "./opening";

withWindow();

afterEach(() => speak("en"));

describe("the notice", () => {
  it("says what was taken and what was not, until the person has seen it", async () => {
    const host = await open("imported");
    const text = find("import-notice").textContent ?? "";
    expect(text).toContain(
      "Taken over: server_id, machine, api_token, bind_host, bind_port, poll_interval and 2 monitors.",
    );
    expect(text).toContain("Not taken over: ComfyUI, control_port, bind_host and openclaw_url.");
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
    expect(text).toContain("This version has no monitor of type comfyui.");
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

describe("the words", () => {
  it("name a few things and count the rest", () => {
    const key = (at: number) => ({
      file: "agent.yaml" as const,
      key: `key${at}`,
      monitor: null,
      reason: { kind: "unknown_key" } as const,
    });
    const many = { ...imported, not_taken: Array.from({ length: 9 }, (_, at) => key(at)), left_out: 2 };
    expect(notTakenSentence(many)).toBe("Not taken over: key0, key1, key2, key3, key4, key5 and 5 more.");
    const whole = { ...key(0), key: "", reason: { kind: "not_utf8" } as const };
    expect(notTakenSentence({ ...imported, not_taken: [whole] })).toBe("Not taken over: agent.yaml.");
    expect(notTakenSentence({ ...imported, not_taken: [] })).toBe(null);
    expect(takenSentence({ ...imported, taken: [] })).toBe(null);
  });

  it("have a sentence for every reason, in both languages", () => {
    const reasons: NotTakenReason[] = [
      { kind: "unreadable", message: "permission denied" },
      { kind: "not_a_file" },
      { kind: "too_large", most: 262_144 },
      { kind: "syntax", line: 3, column: 5 },
      { kind: "bad_name", most: 100 },
      { kind: "exposure", reason: "wildcard" },
      { kind: "unknown_monitor", type_id: "lada" },
    ];
    for (const language of ["en", "zh-CN"] as const) {
      speak(language);
      for (const reason of reasons) expect(whyNot(reason)).not.toMatch(/\{\{|import\./);
    }
    expect(whyNot({ kind: "syntax", line: 3, column: 5 })).toBe("文件不是有效的 YAML：第 3 行，第 5 列。");
  });
});
