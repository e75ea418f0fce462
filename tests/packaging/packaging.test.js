/** The packed tarball works where people will use it. Run by `cargo xtask test packaging`, which builds the package first. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";

import { makeApp, visit } from "./app.js";
import { viteDevelopment, withEsbuild, withVite, withViteForServers, withWebpack } from "./bundlers.js";
import { keepsWhatItWrote, startChromium } from "./chromium.js";
import { serve } from "./serve.js";
import { manifest, pack, root } from "./tarball.js";

const run = promisify(execFile);
const PAGE = '<!doctype html><title>scratch</title><script type="module" src="./page.js"></script>';

let scratch;
let packed;
let browser;

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "ashore-pack-"));
  packed = pack(scratch);
  browser = await startChromium();
});

after(async () => {
  await browser?.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** Runs `use` in an app of these files, which is gone afterwards. */
async function inApp(files, use) {
  const app = makeApp(packed.tarball, files);
  try {
    await use(app.folder);
  } finally {
    app.remove();
  }
}

/** Serves a built app and lets a page visit it. */
async function visitBuilt(output) {
  const server = await serve(output);
  try {
    await keepsWhatItWrote(browser, server.address);
  } finally {
    await server.close();
  }
}

/** Runs a file of the app in Node, which must end by itself; answers what it printed. */
async function inNode(file) {
  const { stdout } = await run(process.execPath, [file], { timeout: 60_000 });
  return stdout.trim();
}

describe("the tarball", () => {
  it("holds what the exports name, the licences and nothing private", () => {
    const wanted = Object.values(manifest(join(root, "npm")).exports).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target),
    );
    for (const path of [...wanted.map((target) => target.replace("./", "")), "LICENSE-MIT", "LICENSE-APACHE"]) {
      assert.ok(packed.files.includes(path), `${path} is missing`);
    }
    const strange = packed.files.filter((path) => /(^|\/)(test|node_modules|\.git)|tsbuildinfo/.test(path));
    assert.deepEqual(strange, []);
  });

  it("satisfies publint", async () => {
    await run(join(root, "node_modules/.bin/publint"), ["run", packed.tarball, "--strict"]);
  });

  it("has types that attw finds nothing wrong with", async () => {
    const flags = ["--profile", "esm-only", "--exclude-entrypoints", "./wasm", "./package.json", "--format", "ascii"];
    await run(join(root, "node_modules/.bin/attw"), [packed.tarball, ...flags]);
  });
});

describe("in Chromium", () => {
  it("works with Vite's development server", async () => {
    await inApp({ "index.html": PAGE, "page.js": visit() }, async (app) => {
      const server = await viteDevelopment(app);
      try {
        await keepsWhatItWrote(browser, server.address);
      } finally {
        await server.close();
      }
    });
  });

  it("works when built by Vite without configuration", async () => {
    await inApp({ "index.html": PAGE, "page.js": visit() }, async (app) => visitBuilt(await withVite(app)));
  });

  it("works when built by webpack without configuration", async () => {
    await inApp({ "index.html": PAGE, "page.js": visit() }, async (app) => {
      const output = await withWebpack(app);
      copyFileSync(join(app, "index.html"), join(output, "index.html"));
      await visitBuilt(output);
    });
  });

  it("works when bundled by esbuild with the worker and the wasm named", async () => {
    const options = `{
      name: "packaging",
      worker: () => new Worker("./worker.js", { type: "module" }),
      wasm: new URL("./engine.wasm", location.href),
    }`;
    await inApp({ "index.html": PAGE, "page.js": visit(options) }, async (app) => {
      const output = await withEsbuild(app);
      copyFileSync(join(app, "index.html"), join(output, "index.html"));
      await visitBuilt(output);
    });
  });

  it("works on a plain page with an import map", async () => {
    await inApp({ "page.js": visit() }, async (app) => {
      const page = `<!doctype html><title>scratch</title>
<script type="importmap">${JSON.stringify({ imports: importMap(app) })}</script>
<script type="module" src="./page.js"></script>`;
      writeFileSync(join(app, "index.html"), page);
      await visitBuilt(app);
    });
  });
});

/** Where a page finds `ashore` and what it depends on. */
function importMap(app) {
  const modules = join(app, "node_modules");
  const names = ["ashore", ...Object.keys(manifest(join(modules, "ashore")).dependencies ?? {})];
  return Object.fromEntries(names.map((name) => [name, `/node_modules/${name}/${entryOf(join(modules, name))}`]));
}

function entryOf(folder) {
  const { exports, module, main } = manifest(folder);
  const entry = exports?.["."]?.default ?? exports?.["."]?.import ?? module ?? main;
  return (typeof entry === "string" ? entry : entry.default).replace("./", "");
}

const NODE_VISIT = `import { open } from "ashore";
const db = await open({ name: "packaging" });
const notes = db.collection("notes");
await notes.put("n1", { title: "Milk" });
console.log(JSON.stringify(await notes.get("n1")));
await db.close();
`;

const ONLY_IMPORT = `const before = Reflect.ownKeys(globalThis).length;
await import("ashore");
console.log(Reflect.ownKeys(globalThis).length - before);
`;

describe("in Node", () => {
  it("puts and gets with the memory store", async () => {
    await inApp({ "main.js": NODE_VISIT }, async (app) => {
      assert.deepEqual(JSON.parse(await inNode(join(app, "main.js"))), { title: "Milk" });
    });
  });

  it("does nothing at import: no global is added and the process ends", async () => {
    await inApp({ "main.js": ONLY_IMPORT }, async (app) => {
      assert.equal(await inNode(join(app, "main.js")), "0");
    });
  });

  it("does nothing at import when a server's bundle holds it", async () => {
    await inApp({ "main.js": `import { open } from "ashore";\nconsole.log(typeof open);\n` }, async (app) => {
      assert.equal(await inNode(await withViteForServers(app, "main.js")), "function");
    });
  });
});
