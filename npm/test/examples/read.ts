/**
 * The examples of a page of documentation, as a module that runs them: each section (`##`) of a Markdown file becomes one function.
 *
 * - Blocks marked `ts` are run, one after another; those of a section share their names. Imports are moved to the module's top.
 * - `expression; //= value` expects that value, `const name = …; //= value` that of the name, `statement; //! code` a rejection with that code.
 * - `<!-- example` and lines up to `-->` are code that readers do not see. Before the first section it begins each of them.
 * - `<!-- not run: why -->` before a block: it is only checked for its types.
 */

/** One section's code. */
interface Section {
  readonly title: string;
  readonly code: string[];
  shown: boolean;
}

const IMPORT = /^import (type )?\{([^}]*)\} from "([^"]+)";\s*$/;
const EXPECTED = /^(\s*)(.*?);\s*\/\/= (.*)$/;
const REJECTED = /^(\s*)(.*?);\s*\/\/! (\S+)\s*$/;
const DECLARED = /^(?:const|let) (\w+)\b/;

/** A TypeScript module with one exported list, `examples`, of `{ title, run }`; from the text of the page `name`. */
export function toModule(name: string, markdown: string, host: string): string {
  const { imports, sections } = read(name, markdown);
  const lines = [
    `import { expect } from "vitest";`,
    `import { database, rejection } from ${JSON.stringify(host)};`,
    ...[...imports].map(([from, names]) => `import { ${needed(names).join(", ")} } from "${from}";`),
    `const run = (): boolean => false;`,
    `export { database, expect, rejection, run };`,
    `export const examples: { title: string; run: () => Promise<void> }[] = [`,
  ];
  for (const { title, code } of sections) {
    lines.push(`{ title: ${JSON.stringify(title)}, run: async (): Promise<void> => {`, ...code, "} },");
  }
  return [...lines, "];", ""].join("\n");
}

function read(name: string, markdown: string): { imports: Map<string, Set<string>>; sections: Section[] } {
  const imports = new Map<string, Set<string>>();
  const first: Section = { title: name, code: [], shown: false };
  const sections = [first];
  let section = first;
  let run = true;
  const lines = markdown.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    const until = (end: string): string[] => {
      const start = at + 1;
      const found = lines.indexOf(end, start);
      at = found === -1 ? lines.length : found;
      return lines.slice(start, at);
    };
    if (line.startsWith("## ")) {
      section = { title: line.slice(3), code: [...(sections[0] as Section).code], shown: false };
      sections.push(section);
    } else if (line === "<!-- example") {
      section.code.push(...toCode(until("-->"), imports));
    } else if (line.startsWith("<!-- not run: ")) {
      run = false;
    } else if (line === "```ts") {
      const block = toCode(until("```"), imports);
      section.code.push(...(run ? block : ["if (run()) {", ...block, "}"]));
      section.shown = true;
      run = true;
    }
  }
  return { imports, sections: sections.filter(({ shown }) => shown) };
}

/** The lines of a block with its expectations spelled out and its imports taken away. */
function toCode(lines: readonly string[], imports: Map<string, Set<string>>): string[] {
  return lines.flatMap((line) => {
    const parts = IMPORT.exec(line);
    if (parts) {
      const [, type = "", names = "", from = ""] = parts;
      const known = imports.get(from) ?? new Set();
      imports.set(from, known);
      for (const imported of names.split(",")) known.add(`${type}${imported.trim()}`);
      return [];
    }
    return [expectation(line)];
  });
}

/** Without types that are imported as values too. */
function needed(names: ReadonlySet<string>): string[] {
  return [...names].filter((name) => !name.startsWith("type ") || !names.has(name.slice(5)));
}

function expectation(line: string): string {
  const expected = EXPECTED.exec(line);
  if (expected) {
    const [, indent = "", statement = "", value = ""] = expected;
    const declared = DECLARED.exec(statement)?.[1];
    return declared
      ? `${indent}${statement}; expect(${declared}).toEqual(${value});`
      : `${indent}expect(${statement}).toEqual(${value});`;
  }
  const rejected = REJECTED.exec(line);
  if (rejected) {
    const [, indent = "", statement = "", errorCode = ""] = rejected;
    return `${indent}expect((await rejection((async () => { ${statement}; })())).code).toBe(${JSON.stringify(errorCode)});`;
  }
  return line;
}
