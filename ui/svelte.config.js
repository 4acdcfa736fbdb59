// Svelte for the window: runes everywhere, so that what is reactive is visible where it is declared.

/** @type {import("@sveltejs/vite-plugin-svelte").SvelteConfig} */
export default {
  compilerOptions: { runes: true },
};
