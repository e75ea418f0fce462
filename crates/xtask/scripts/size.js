// What a page downloads when it uses Ashore: a page that imports `open` is bundled by Vite as an app would be, and every
// file that comes out is measured, against size-budget.json and what sizes.json has recorded. What only Tauri apps load is a file of its own and counts by
// itself; a page that imports `ashore/tauri` must come out without the browser's engine, and one that imports
// `ashore/browser` without the way to the app's.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { build } from "vite";

import { recorded } from "./sizes.js";

const root = resolve(import.meta.dirname, "../../..");
const budget = JSON.parse(readFileSync(join(root, "size-budget.json"), "utf8"));

/** The files of a page that imports `open` from that file of the package: name and bytes. */
async function bundle(door) {
  const app = mkdtempSync(join(tmpdir(), "ashore-size-"));
  try {
    writeFileSync(join(app, "index.html"), '<!doctype html><script type="module" src="/page.js"></script>');
    const entry = JSON.stringify(join(root, "npm/dist", door));
    writeFileSync(join(app, "page.js"), `import { open } from ${entry};\nglobalThis.open = open;\n`);
    const built = await build({
      root: app,
      configFile: false,
      logLevel: "error",
      worker: { format: "es" },
      build: { write: false, modulePreload: false, target: "es2022" },
    });
    const files = Array.isArray(built) ? built.flatMap((part) => part.output) : built.output;
    return files.map((file) => ({
      name: file.fileName,
      bytes: Buffer.from(file.type === "chunk" ? file.code : file.source),
    }));
  } finally {
    rmSync(app, { recursive: true });
  }
}

/** Raw, gzip and brotli bytes at the levels a static file is served with. */
function measure(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params }).length,
  };
}

function kindOf(name) {
  if (name.endsWith(".wasm")) {
    return "wasm";
  }
  if (/(^|\/)tauri-/.test(name)) {
    return "tauriOnly";
  }
  return name.endsWith(".js") ? "javascript" : null;
}

/** What those files are in all, by their kind. */
function summed(files) {
  const sums = {};
  for (const file of files) {
    const kind = kindOf(file.name);
    if (kind !== null) {
      const size = measure(file.bytes);
      sums[kind] ??= { raw: 0, gzip: 0, brotli: 0 };
      for (const unit of ["raw", "gzip", "brotli"]) {
        sums[kind][unit] += size[unit];
      }
    }
  }
  return sums;
}

const none = { raw: 0, gzip: 0, brotli: 0 };
const { wasm = none, javascript = none, tauriOnly = none } = summed(await bundle("index.js"));
const sums = { wasm, javascript };
const inTauri = summed(await bundle("tauri.js"));
const inBrowser = await bundle("browser.js");
const total = {};
for (const unit of ["raw", "gzip", "brotli"]) {
  total[unit] = sums.wasm[unit] + sums.javascript[unit];
}

let exceeded = 0;
console.log(`${"bytes".padEnd(12)}${"raw".padStart(11)}${"gzip".padStart(11)}${"brotli".padStart(11)}   budget`);
const rows = { ...sums, total, tauriOnly, tauriPage: inTauri.javascript ?? none };
for (const [kind, size] of Object.entries(rows)) {
  const limits = budget[kind] ?? {};
  const over = Object.entries(limits).filter(([unit, limit]) => !(size[unit] <= limit));
  exceeded += over.length;
  const said = Object.entries(limits).map(
    ([unit, limit]) => `${unit} ${limit}${size[unit] <= limit ? "" : " EXCEEDED"}`,
  );
  console.log(
    `${kind.padEnd(12)}${String(size.raw).padStart(11)}${String(size.gzip).padStart(11)}${String(size.brotli).padStart(11)}   ${said.join(", ")}`,
  );
}
console.log(`The goal is ${budget.goal.brotli} bytes of brotli in all; budgets go down as we come nearer.`);
if (tauriOnly.raw === 0 || inTauri.wasm !== undefined) {
  console.error(
    "one host was bundled with the other: the one for Tauri must be a file of its own, and come without wasm",
  );
  process.exit(1);
}
if (summed(inBrowser).tauriOnly || inBrowser.some(({ bytes }) => bytes.includes("plugin:ashore|"))) {
  console.error("the host for Tauri was bundled with the browser's, which was asked for by its name");
  process.exit(1);
}
if (sums.wasm.raw === 0) {
  console.error("no wasm came out of the bundle: is the package built?");
  process.exit(1);
}
if (exceeded > 0) {
  console.error(`${exceeded} of the budgets in size-budget.json exceeded`);
  process.exit(1);
}
const apart = recorded(rows);
if (apart.length > 0) {
  console.error(apart.join("\n"));
  process.exit(1);
}
