/** A scratch app that has the tarball installed: its files are what a newcomer would write, nothing more. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { install } from "./tarball.js";

/** Reads what the last visit wrote, writes the next number and reads it back; the page's test looks at `result`. */
export function visit(options = `{ name: "packaging" }`) {
  return `import { open } from "ashore";

async function visit() {
  const db = await open(${options});
  const notes = db.collection("notes");
  const before = await notes.get("n1");
  await notes.put("n1", { title: "Milk", visits: (before?.visits ?? 0) + 1 });
  const after = await notes.get("n1");
  await db.close();
  return { before: before?.visits ?? null, after: after.visits, title: after.title };
}

visit().then(
  (result) => { globalThis.result = result; },
  (error) => { globalThis.result = { error: String(error), code: error.code, stack: error.stack }; },
);
`;
}

/** Makes an app of these files in a folder of its own; `remove` takes it away. */
export function makeApp(tarball, files) {
  const folder = mkdtempSync(join(tmpdir(), "ashore-app-"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "scratch", private: true, type: "module" }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  install(tarball, folder);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
