import { defineConfig } from "vite";

export default defineConfig({
  root: "page",
  base: "./",
  build: { outDir: "../dist", emptyOutDir: true, target: "esnext", reportCompressedSize: false, modulePreload: false },
  worker: { format: "es" },
  resolve: {
    alias: {
      // The built package, and what RxDB's client takes from Node.
      ashore: new URL("../npm/dist/index.js", import.meta.url).pathname,
      ws: new URL("page/ws.js", import.meta.url).pathname,
    },
  },
});
