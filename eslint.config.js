// Lints for the window. One of them is an invariant: a single file reaches the host.

import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

import svelteConfig from "./ui/svelte.config.js";

export default ts.config(
  {
    ignores: [
      "target/",
      "node_modules/",
      "ui/dist/",
      "ui/src/generated/",
      "scripts/",
      "tests/",
      "crates/",
      "src-tauri/",
    ],
  },
  ...ts.configs.recommended,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: globals.browser },
    rules: {
      "@typescript-eslint/no-restricted-imports": [
        "error",
        {
          patterns: [
            { group: ["@tauri-apps/*"], message: "Only ui/src/platform/tauri.ts reaches the host." },
          ],
        },
      ],
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  {
    files: ["ui/src/platform/tauri.ts"],
    rules: { "@typescript-eslint/no-restricted-imports": "off" },
  },
);
