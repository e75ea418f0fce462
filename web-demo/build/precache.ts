// A Vite plugin: builds the service worker and tells it every file of the build, with the hash of its content.

import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { transformWithOxc, type Plugin } from "vite";

const source = "src/service-worker.ts";

/** Files that a page never asks for. */
const isKept = (path: string): boolean => !path.endsWith(".map") && path !== "sw.js";

export function precache(): Plugin {
  let root = "";
  let publicDir = "";
  return {
    name: "saltbox-precache",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      root = config.root;
      publicDir = config.publicDir;
    },
    // After all others: the worker's chunks and the page are part of the bundle only then.
    generateBundle: {
      order: "post",
      async handler(_, bundle) {
        const built = Object.values(bundle).map(
          (file) => [file.fileName, hashOf(file.type === "chunk" ? file.code : file.source)] as const,
        );
        const copied = await publicFiles(publicDir);
        const files = [...built, ...copied].filter(([path]) => isKept(path)).toSorted(([a], [b]) => (a < b ? -1 : 1));
        const text = await readFile(join(root, source), "utf8");
        const { code } = await transformWithOxc(text, source);
        this.emitFile({
          type: "asset",
          fileName: "sw.js",
          source: code
            .replace("PRECACHED_FILES", () => JSON.stringify(files))
            .replace("VERSION", () => JSON.stringify(hashOf(JSON.stringify(files)))),
        });
      },
    },
  };
}

async function publicFiles(folder: string): Promise<(readonly [string, string])[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (path) => [path.slice(folder.length + 1), hashOf(await readFile(path))] as const));
}

function hashOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex").slice(0, 16);
}
