/** Three suites: units in Node, and the conformance suite over memory in Node and over the worker in Chromium. */

import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { docsExamples } from "./test/examples/plugin.js";

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
const conformance = {
  globalSetup: ["test/relay.ts"],
  include: ["test/conformance/**/*.test.ts"],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", environment: "node", include: ["test/unit/**/*.test.ts"] } },
      {
        plugins: [docsExamples()],
        resolve: { alias },
        test: { ...conformance, name: "memory", environment: "node" },
      },
      {
        plugins: [docsExamples()],
        resolve: { alias },
        worker: { format: "es" },
        // Found later, they would make the page load again in the middle of a test.
        optimizeDeps: { include: ["arktype", "valibot", "zod"] },
        test: {
          ...conformance,
          name: "chromium",
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: chromium, args } }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
