/** The package in a page that always runs the engine in a worker, also in a Tauri window. */

export * from "../../dist/index.js";
export { importDatabase, open } from "../../dist/browser.js";
