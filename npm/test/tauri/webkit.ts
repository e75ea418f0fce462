/** The package in a page that always runs the engine in a worker, also in a Tauri window. */

// oxlint-disable-next-line -- a name that both have is the one that is named
export * from "../../dist/index.js";
export { open } from "../../dist/browser.js";
