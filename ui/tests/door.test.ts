// The one door to the host, and what a build must not contain.
// @vitest-environment node

import { build, type Rollup } from "vite";
import { describe, expect, it, vi } from "vitest";

const sources = import.meta.glob<string>("../src/**/*.{ts,svelte}", {
  query: "?raw",
  import: "default",
  eager: true,
});

describe("the door to the host", () => {
  it("is the only file that imports Tauri", () => {
    const importing = Object.entries(sources)
      .filter(([, source]) => /(?:from|import)\s*\(?["']@tauri-apps\//.test(source))
      .map(([path]) => path);
    expect(importing).toEqual(["../src/platform/tauri.ts"]);
  });

  it("is the only way out: no page fetches, stores or evaluates", () => {
    const reaching = Object.entries(sources)
      .filter(([, source]) => /\b(fetch\(|XMLHttpRequest|WebSocket|localStorage|eval\(|\{@html)/.test(source))
      .map(([path]) => path);
    expect(reaching).toEqual([]);
  });
});

describe("a build", () => {
  it("has no fake host, no inline script, and stays small", { timeout: 60_000 }, async () => {
    vi.stubEnv("NODE_ENV", "production");
    const result = (await build({
      configFile: `${import.meta.dirname}/../vite.config.ts`,
      mode: "production",
      logLevel: "silent",
      build: { write: false },
    })) as Rollup.RollupOutput;
    const texts = result.output.map((file) => (file.type === "chunk" ? file.code : String(file.source)));
    vi.unstubAllEnvs();
    const ofTheFake = ["render-01", "python3", "conflict-two"];
    expect(ofTheFake.filter((word) => texts.some((text) => text.includes(word)))).toEqual([]);
    const page = result.output.find(({ fileName }) => fileName === "index.html");
    expect(page?.type === "asset" && String(page.source)).not.toMatch(/<script(?![^>]*\bsrc=)/);
    expect(page?.type === "asset" && String(page.source)).toContain('src="./assets/');
    const script = result.output.filter((file) => file.type === "chunk").map(({ code }) => code);
    const packed = await new Response(
      new Blob(script).stream().pipeThrough(new CompressionStream("gzip")),
    ).arrayBuffer();
    expect(packed.byteLength).toBeLessThan(180 * 1024);
  });
});
