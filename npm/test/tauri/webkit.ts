/**
 * The package in a page that always runs the engine in a worker, also in a Tauri window. WebKit takes about a second to compile the engine: the page does it
 * once, and its workers take the module. Workers that compile it themselves are in `conformance/at-rest.test.ts`.
 */

import { importDatabase as importInBrowser, open as openInBrowser, type OpenOptions } from "../../dist/browser.js";
import type { Database, ImportOptions } from "../../dist/index.js";

export * from "../../dist/index.js";

let compiled: Promise<WebAssembly.Module> | undefined;

function engine(): Promise<WebAssembly.Module> {
  compiled ??= WebAssembly.compileStreaming(fetch(new URL("../../wasm/ashore_wasm_bg.wasm", import.meta.url)));
  return compiled;
}

export async function open(options: OpenOptions): Promise<Database> {
  return openInBrowser({ wasm: await engine(), ...options });
}

export async function importDatabase(options: ImportOptions): Promise<Database> {
  return importInBrowser({ wasm: await engine(), ...options });
}
