/** What ran on which host, as a table; a test that is skipped says why, or the run fails. */

import type { Reporter, TestCase, TestModule } from "vitest/node";

declare module "@vitest/runner" {
  interface TaskMeta {
    /** What a test needs that this host lacks. */
    needs?: string;
  }
}

interface Row {
  passed: number;
  failed: number;
  readonly skipped: Map<string, string[]>;
}

/** The reporter. */
export class Table implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = new Map<string, Row>();
    for (const module of modules) {
      const row = rows.get(module.project.name) ?? { passed: 0, failed: 0, skipped: new Map() };
      rows.set(module.project.name, row);
      for (const test of module.children.allTests()) {
        count(row, test);
      }
    }
    console.log(["", ...[...rows].flatMap(([host, row]) => linesOf(host, row)), ""].join("\n"));
    if ([...rows.values()].some(({ skipped }) => skipped.has(UNSAID))) {
      console.error("A test is skipped without a reason: give it `needs(…)`.");
      process.exitCode = 1;
    }
  }
}

const UNSAID = "(nobody said why)";

function count(row: Row, test: TestCase): void {
  const { state } = test.result();
  if (state === "passed" || state === "failed") {
    row[state] += 1;
    return;
  }
  const why = test.meta().needs ?? UNSAID;
  row.skipped.set(why, [...(row.skipped.get(why) ?? []), test.fullName]);
}

function linesOf(host: string, { passed, failed, skipped }: Row): string[] {
  const lines = [...skipped].map(([why, tests]) => `    ${tests.length} need ${why}`);
  const all = [...skipped.values()].flat().length;
  return [`${host.padEnd(9)} ${passed} passed, ${failed} failed, ${all} skipped`, ...lines.toSorted()];
}
