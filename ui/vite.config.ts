// Builds the window into ui/dist, and runs its tests. Called from the repository's root by `npm run build:ui`.

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  // The host serves the files under its own scheme, so nothing may assume where the root is.
  base: "./",
  // One folder for what npm and its tools leave behind.
  cacheDir: "../node_modules/.vite",
  plugins: [svelte()],
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: ["es2022", "safari15.4"],
    // Data URLs and inline scripts are what the content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { host: "127.0.0.1", port: 1420, strictPort: true },
  // Without it the tests would get the server's build of Svelte, which cannot mount a component.
  resolve: process.env["VITEST"] ? { conditions: ["browser"] } : {},
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "happy-dom",
  },
});
