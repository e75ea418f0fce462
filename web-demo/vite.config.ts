// How the demo is built: one page, one script, the engine's worker and wasm beside it, and the service worker that keeps them.

import { defineConfig } from "vite";
import { page } from "./build/page.js";
import { precache } from "./build/precache.js";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  optimizeDeps: { exclude: ["ashore"] },
  build: {
    target: ["chrome123", "edge123", "firefox128", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  // In development the page and the relay are two programs: what the page asks of its own relay is handed on.
  server: { proxy: { "/v1/ws": { target: "ws://127.0.0.1:8787", ws: true } }, fs: { allow: [".."] } },
  plugins: [page(), precache()],
});
