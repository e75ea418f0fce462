/**
 * Units in Node, and the conformance suite on every host: over memory in Node, over the worker in Chromium and in WebKit inside a Tauri app, and over
 * the native engine in that app.
 */

import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { docsExamples } from "./test/examples/plugin.js";
import { Table } from "./test/table.js";
import { tauri } from "./test/tauri/provider.js";

const chromium = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// The suite runs what ships: the built package.
const built = (file: string): string => new URL(`./dist/${file}.js`, import.meta.url).pathname;
const alias = [
  { find: /^ashore$/, replacement: built("index") },
  { find: /^ashore\/compat$/, replacement: built("compat") },
];
/** `open` of `ashore/browser` in the place of the one that finds the app's engine. */
const inWorker = new URL("./test/tauri/webkit.ts", import.meta.url).pathname;
// Found later, they would make the page load again in the middle of a test.
const optimizeDeps = { include: ["arktype", "cborg", "valibot", "zod"] };
const conformance = {
  globalSetup: ["test/relay.ts"],
  include: ["test/conformance/**/*.test.ts"],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** What is run once more where Tauri can send bytes as JSON alone: documents of every kind and size, events, faults. */
const JSON_TOO = [
  "tauri/window",
  "tauri/breaking",
  ...["documents", "export", "lifetime", "live", "values"].map((name) => `conformance/${name}`),
];
/** A window of a Tauri app, which has the bridge to the native engine in each of its projects. */
const inTauri = () => ({
  enabled: true,
  screenshotFailures: false,
  // Nobody looks, and painting it takes more time than the tests.
  ui: false,
  provider: tauri(),
  instances: [{ browser: "webkit" as const }],
});

export default defineConfig({
  test: {
    reporters: ["default", new Table()],
    projects: [
      { test: { name: "unit", environment: "node", include: ["test/unit/**/*.test.ts"] } },
      {
        plugins: [docsExamples()],
        resolve: { alias },
        test: { ...conformance, name: "memory", provide: { host: "memory" }, environment: "node" },
      },
      {
        plugins: [docsExamples()],
        resolve: { alias },
        worker: { format: "es" },
        optimizeDeps,
        test: {
          ...conformance,
          name: "chromium",
          provide: { host: "worker" },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: chromium, args } }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        plugins: [docsExamples()],
        resolve: { alias },
        worker: { format: "es" },
        optimizeDeps,
        test: {
          ...conformance,
          name: "tauri",
          provide: { host: "tauri", way: "raw" },
          include: [...conformance.include, "test/tauri/**/*.test.ts"],
          setupFiles: ["test/tauri/bridge.ts"],
          browser: inTauri(),
        },
      },
      {
        resolve: { alias },
        worker: { format: "es" },
        optimizeDeps,
        test: {
          ...conformance,
          name: "tauri-json",
          include: JSON_TOO.map((file) => `test/${file}.test.ts`),
          provide: { host: "tauri", way: "json" },
          setupFiles: ["test/tauri/bridge.ts"],
          browser: inTauri(),
        },
      },
      {
        plugins: [docsExamples()],
        // What `ashore/compat` opens, too.
        resolve: {
          alias: [
            { find: /^ashore$/, replacement: inWorker },
            { find: /^\.\/open\.js$/, replacement: built("browser") },
            ...alias.slice(1),
          ],
        },
        worker: { format: "es" },
        optimizeDeps,
        test: {
          ...conformance,
          name: "webkit",
          // WebKit takes about a second to start a worker with the engine.
          testTimeout: 300_000,
          provide: { host: "worker", way: "raw" },
          setupFiles: ["test/tauri/bridge.ts"],
          browser: inTauri(),
        },
      },
    ],
  },
});
