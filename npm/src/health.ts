/** Looking whether everything that is stored is whole, and mending what is not: page by page, so that other calls go on in between. */

import type { Client, ReplyOf } from "./client.js";
import type { Documents } from "./documents.js";
import type { Finding } from "./generated/Finding.js";
import type { HealthCounts } from "./generated/HealthCounts.js";
import type { HealthPart } from "./generated/HealthPart.js";
import type { Mended } from "./generated/Mended.js";
import { AshoreError } from "./errors.js";
import { wholeMs } from "./sync.js";

/** How far a check or a repair is. */
export interface HealthProgress extends HealthCounts {
  /** What is being looked at. */
  readonly part: HealthPart;
}

/** What {@link Database.check} takes. */
export interface CheckOptions {
  /** Called after each page. What it throws ends the check. */
  readonly onProgress?: ((progress: HealthProgress) => void) | undefined;
  /** Ends it early: then it rejects with `request.aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@link Database.repair} takes. */
export interface RepairOptions extends CheckOptions {
  /** How long it waits for the relay when the relay may have what is missing here: 60 seconds unless told otherwise. */
  readonly timeoutMs?: number | undefined;
}

/** What a check found. */
export interface CheckReport {
  /** Nothing is wrong. */
  readonly healthy: boolean;
  /** How much was looked at. */
  readonly counts: HealthCounts;
  /** What is wrong; the first 1,000. */
  readonly findings: readonly Finding[];
  /** How much is wrong, also what is not listed. */
  readonly found: number;
}

/** What a repair did. */
export interface RepairReport {
  /** Nothing was lost for good, and nothing waits. */
  readonly healed: boolean;
  /** How much was looked at. */
  readonly counts: HealthCounts;
  /** What was wrong and what was done; the first 1,000. */
  readonly mended: readonly Mended[];
  /** How much was wrong, also what is not listed. */
  readonly found: number;
  /** How much of that is gone for good, or in part. */
  readonly lost: number;
  /** How much waits until the relay can be asked: repair again then. */
  readonly waiting: number;
}

const LISTED = 1_000;
const REPAIR_WAITS_MS = 60_000;

/** Checks everything, one page after the other. @internal */
export async function check(client: Client, documents: Documents, options: CheckOptions): Promise<CheckReport> {
  const counts = new Counts(options);
  const asking = { op: "check", signal: options.signal };
  const findings: Finding[] = [];
  let found = 0;
  let after: string | null = null;
  do {
    documents.checkOpen("check");
    const page: ReplyOf<"checked"> = await client.ask({ check: { after } }, "checked", asking);
    found += page.findings.length;
    findings.push(...page.findings.slice(0, LISTED - findings.length));
    counts.add(page);
    after = page.next;
  } while (after !== null);
  return { healthy: found === 0, counts: counts.all, findings, found };
}

/** Repairs everything, one page after the other. @internal */
export async function repair(client: Client, documents: Documents, options: RepairOptions): Promise<RepairReport> {
  const timeoutMs = wholeMs("repair", options.timeoutMs ?? REPAIR_WAITS_MS);
  const counts = new Counts(options);
  const asking = { op: "repair", signal: options.signal };
  const mended: Mended[] = [];
  const of = { found: 0, lost: 0, waiting: 0 };
  let after: string | null = null;
  do {
    documents.checkOpen("repair");
    const page: ReplyOf<"repaired"> = await client.ask({ repair: { after } }, "repaired", asking);
    of.found += page.mended.length;
    of.lost += page.mended.filter(({ remedy }) => remedy === "lost").length;
    of.waiting += page.mended.filter(({ remedy }) => remedy === "waiting").length;
    mended.push(...page.mended.slice(0, LISTED - mended.length));
    counts.add(page);
    after = page.next;
    if (page.waits) {
      await relayWasRead(client, timeoutMs, options.signal);
    }
  } while (after !== null);
  return { healed: of.lost + of.waiting === 0, counts: counts.all, mended, ...of };
}

/** Waits until everything that the relay has is here. Without a relay the repair goes on: what needs it says that it waits. */
async function relayWasRead(client: Client, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await client.ask({ syncNow: { timeoutMs } }, "synced", { op: "repair", signal });
  } catch (error) {
    const passes = error instanceof AshoreError && /^(sync|relay|request\.timed-out|group)/.test(error.code);
    if (!passes) {
      throw error;
    }
  }
}

class Counts {
  all: HealthCounts = { rows: 0, bytes: 0, documents: 0, indexRows: 0, entries: 0 };
  readonly #options: CheckOptions;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  add({ part, counts }: { readonly part: HealthPart; readonly counts: HealthCounts }): void {
    const all = this.all;
    this.all = {
      rows: all.rows + counts.rows,
      bytes: all.bytes + counts.bytes,
      documents: all.documents + counts.documents,
      indexRows: all.indexRows + counts.indexRows,
      entries: all.entries + counts.entries,
    };
    this.#options.onProgress?.({ part, ...this.all });
  }
}
