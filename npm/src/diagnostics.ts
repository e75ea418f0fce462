/** Counts, versions and gauges for a bug report: the engine's own, and what only the page can ask of the browser. */

import type { Client } from "./client.js";
import type { CallOptions } from "./documents.js";
import type { Diagnostics as EngineDiagnostics } from "./generated/Diagnostics.js";

/** What the browser says of the origin's storage: of all that its pages keep, not of one database. Both are estimates. */
export interface OriginStorage {
  /** What is used. Browsers pad and round it, and count deleted rows until they are cleared away. */
  readonly usageBytes: number;
  /** What could be used in all. */
  readonly quotaBytes: number;
}

/** What {@link Database.diagnostics} answers; holds no document. */
export interface Diagnostics extends EngineDiagnostics {
  /**
   * Bytes of the `WebAssembly.Memory` that the engine runs in. It never shrinks while its worker lives, so it tells the most that was ever needed.
   * `null` in a Tauri app, where the engine runs natively: its memory is a part of the app's, which the operating system counts.
   */
  readonly wasmBytes: number | null;
  /** `navigator.storage.estimate()`; `null` where nothing is kept, where the browser has no such call, and in a Tauri app, which keeps a file. */
  readonly originStorage: OriginStorage | null;
}

/** Asks both. @internal */
export async function diagnostics(
  client: Client,
  originStorage: () => Promise<OriginStorage | null>,
  { signal }: CallOptions,
): Promise<Diagnostics> {
  const { diagnostics: counted } = await client.ask({ diagnostics: {} }, "diagnostics", { op: "diagnostics", signal });
  return { ...counted, originStorage: await originStorage() };
}
