/** A fresh Tauri app, as `create-tauri-app` makes it, and the edits that docs/tauri.md asks for: it builds, keeps what its page writes, and grows by what is recorded. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { recorded } from "../../crates/xtask/scripts/sizes.js";
import { until } from "../e2e/harness/wait.js";
import { useDesktop } from "./harness/desktop.js";
import { addPlugin, compile, create, fresh, skip, writeEmptyPage, writePage } from "./harness/fresh.js";

const parts = useDesktop(fresh);

/** Counts the starts of the documentation's page. */
const COUNTS = `
const starts = db.collection("starts");
await starts.put(crypto.randomUUID(), {});
const milk = await db.collection<{ title: string }>("notes").get("n1");
document.title = \`\${milk?.title}: \${await starts.count()} on \${db.capabilities.host}\`;
export {};
`;

describe("a fresh Tauri app", () => {
  it("keeps its documents after three edits, and grows by as much as is recorded", { skip }, async () => {
    create();
    writeEmptyPage();
    const empty = compile();
    addPlugin();
    writePage(COUNTS);
    const whole = compile();
    for (const start of [1, 2]) {
      const session = await parts.desktop.open();
      await until("its page has written", async () => (await session.title()) === `Milk: ${start} on tauri`);
      await parts.desktop.kill();
    }
    assert.ok(parts.desktop.databases.includes("family.ashore"));
    console.log(`unoptimised, without symbols: ${empty} bytes before, ${whole} after: ${whole - empty} more`);
    assert.deepEqual(recorded({ tauriApp: { empty, added: whole - empty } }), []);
  });
});
