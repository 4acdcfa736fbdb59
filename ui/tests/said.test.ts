// What agents say in English is known as they say it, and is said in Chinese.

import { afterEach, describe, expect, it } from "vitest";

import { en } from "../src/locales/en";
import { speak } from "../src/locales/language.svelte";
import { monitorDetail } from "../src/words/monitor";
import { saidByAgent } from "../src/words/said";

const sources = import.meta.glob<string>("../../crates/taskpaw-backend/src/{monitors,agent,http}/**/*.rs", {
  query: "?raw",
  import: "default",
  eager: true,
});

afterEach(() => speak("en"));

describe("what an agent says", () => {
  it("is known as its source has it", () => {
    const source = Object.values(sources)
      .join("\n")
      // A text that goes over several lines.
      .replaceAll(/\\\n\s*/g, "");
    const isThere = (part: string) => source.includes(part.replaceAll('"', '\\"'));
    // What std says of a status, and what is put together from two parts.
    const elsewhere = ["exit_status", "prompt_waits", "prompts_wait", "hidden", "too_long_with"];
    const unknown = Object.entries(en.said)
      .filter(([key]) => !elsewhere.includes(key))
      .flatMap(([key, text]) =>
        text
          .split(/\{\{\w+\}\}/)
          .map((part) => part.trim())
          .filter((part) => part.length > 1 && !isThere(part))
          .map((part) => `${key}: ${part}`),
      );
    expect(unknown).toEqual([]);
  });

  it.each([
    [
      "127.0.0.1:9 does not accept a connection: nobody listens there",
      "127.0.0.1:9 拒绝连接：那里没有程序在监听",
    ],
    ["/a: b/x.log cannot be read: it is not there", "无法读取 /a: b/x.log：它不存在"],
    [
      "the file cannot be read: it is not valid JSON: line 3, column 7",
      "无法读取文件：它不是有效的 JSON：第 3 行，第 7 列",
    ],
    ["no answer: the server's certificate has expired", "没有应答：服务器的证书已过期"],
    ["ComfyUI does not answer: no answer within 5 s", "ComfyUI 没有应答：5 秒内没有应答"],
    ["exit status: 3: disk is full", "退出状态 3: disk is full"],
    ["it took longer than 30 s and was ended: step 4", "运行超过 30 秒，已被终止：step 4"],
    [
      "2 prompts wait and nothing runs: Allocation on device",
      "有 2 个任务在等待，但没有任务在运行：Allocation on device",
    ],
    ["stale: written 1 d 7 h ago; it said done", "已过期：1 天 7 小时前写入，内容为 done"],
    ["stale: due 3 min 20 s ago", "已过期：应在 3 分钟前更新"],
    ["something that nobody knows", "something that nobody knows"],
    ["", ""],
  ])("%j is said in Chinese", (english, chinese) => {
    expect(saidByAgent(english)).toBe(english);
    speak("zh-CN");
    expect(saidByAgent(english)).toBe(chinese);
  });

  it("costs nothing, whatever is sent", () => {
    speak("zh-CN");
    for (const text of [": ".repeat(900), "a cannot be read: ".repeat(100), "does not accept ".repeat(120)]) {
      const since = performance.now();
      saidByAgent(text);
      expect(performance.now() - since).toBeLessThan(2_000);
    }
  });

  it("is what a broken monitor shows", () => {
    speak("zh-CN");
    const status = {
      type_id: "tcp_check",
      state: "error" as const,
      detail: "127.0.0.1:9 does not accept a connection: nobody listens there",
      metrics: { listening: false, connect_ms: null },
      last_update: null,
    };
    expect(monitorDetail(status)).toBe("127.0.0.1:9 拒绝连接：那里没有程序在监听");
    expect(
      monitorDetail({ ...status, type_id: "custom_cmd", detail: "it cannot be run: no such program" }),
    ).toBe("无法运行：没有这个程序");
  });
});
