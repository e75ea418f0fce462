/** The bundlers that people use, each with the least configuration that it needs. */

import { copyFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { build as esbuild } from "esbuild";
import { build as viteBuild, createServer as viteServer } from "vite";
import webpack from "webpack";

/** Builds with Vite into dist/. */
export async function withVite(folder) {
  await viteBuild({ root: folder, configFile: false, logLevel: "error" });
  return join(folder, "dist");
}

/** Starts Vite's development server. */
export async function viteDevelopment(folder) {
  const server = await viteServer({
    root: folder,
    configFile: false,
    logLevel: "error",
    cacheDir: join(folder, ".vite"),
    server: { host: "127.0.0.1", port: 0, hmr: false },
  });
  await server.listen();
  return { address: server.resolvedUrls.local[0], close: () => server.close() };
}

/** Builds a server's bundle with everything inside, and answers the file. */
export async function withViteForServers(folder, entry) {
  await viteBuild({
    root: folder,
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true },
    build: { ssr: entry, outDir: "server", target: "node20" },
  });
  return join(folder, "server", entry);
}

/** Builds with webpack 5 into dist/, without any loader or plugin. */
export async function withWebpack(folder) {
  const output = join(folder, "dist");
  const compiler = webpack({
    mode: "production",
    context: folder,
    entry: "./page.js",
    output: { path: output, filename: "page.js" },
    performance: { hints: false },
  });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, done) => (error ? reject(error) : resolve(done)));
  });
  await new Promise((resolve) => {
    compiler.close(resolve);
  });
  if (stats.hasErrors() || stats.hasWarnings()) {
    throw new Error(stats.toString({ all: false, errors: true, warnings: true, errorDetails: true }));
  }
  return output;
}

/** Builds with esbuild into dist/; it knows no workers and no wasm, so they are named and laid beside the page. */
export async function withEsbuild(folder) {
  const output = join(folder, "dist");
  const { resolve } = createRequire(join(folder, "page.js"));
  await esbuild({
    absWorkingDir: folder,
    entryPoints: { page: "page.js", worker: "ashore/worker" },
    bundle: true,
    format: "esm",
    outdir: output,
    logLevel: "error",
  });
  copyFileSync(resolve("ashore/wasm"), join(output, "engine.wasm"));
  return output;
}
