/** Makes `import { pages } from "docs:examples"` give the examples of every page of documentation that has some. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Plugin, transformWithOxc } from "vite";
import { toModule } from "./read.js";

const ID = "docs:examples";
const root = new URL("../../../", import.meta.url);
const host = fileURLToPath(new URL("../conformance/host.ts", import.meta.url));

/** The pages that may have examples, by their path from the repository's root. */
export function pages(): string[] {
  const docs = readdirSync(new URL("docs/", root)).filter((name) => name.endsWith(".md"));
  return ["README.md", ...docs.toSorted().map((name) => `docs/${name}`)];
}

/** The module with the examples of a page. */
export function pageModule(page: string, hostPath: string): string {
  return toModule(page, readFileSync(new URL(page, root), "utf8"), hostPath);
}

/** The plugin. */
export function docsExamples(): Plugin {
  return {
    name: "docs-examples",
    resolveId: (id) => (id === ID || id.startsWith(`${ID}/`) ? `\0${id}` : null),
    async load(id) {
      if (id === `\0${ID}`) {
        const named = pages().map((page, at) => ({ page, name: `page${at}` }));
        const imports = named.map(({ page, name }) => `import { examples as ${name} } from "${ID}/${page}";`);
        const list = named.map(({ page, name }) => `{ page: "${page}", examples: ${name} }`);
        return [...imports, `export const pages = [${list.join(", ")}];`].join("\n");
      }
      if (id.startsWith(`\0${ID}/`)) {
        const page = id.slice(ID.length + 2);
        this.addWatchFile(fileURLToPath(new URL(page, root)));
        return (await transformWithOxc(pageModule(page, host), `${page}.ts`)).code;
      }
      return null;
    },
  };
}
