/** The examples of the documentation have the types that they use. */

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { it } from "vitest";
import { pageModule, pages } from "../examples/plugin.js";

const folder = new URL("../../test-results/examples/", import.meta.url);
const config = {
  extends: "../../test/tsconfig.json",
  compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
  include: ["**/*.ts", "../../test/ws.d.ts"],
  references: [],
};

it("every example in the documentation is sound TypeScript", { timeout: 60_000 }, () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const page of pages()) {
    const name = page.replaceAll("/", "-").replace(/\.md$/, ".ts");
    writeFileSync(new URL(name, folder), pageModule(page, "../../test/conformance/host.js"));
  }
  writeFileSync(new URL("tsconfig.json", folder), JSON.stringify(config));
  const tsc = fileURLToPath(new URL("../../../node_modules/typescript/bin/tsc", import.meta.url));
  try {
    execFileSync(process.execPath, [tsc, "--pretty", "false", "-p", fileURLToPath(folder)], { encoding: "utf8" });
  } catch (error) {
    throw new Error((error as { stdout?: string }).stdout ?? String(error), { cause: error });
  }
});
