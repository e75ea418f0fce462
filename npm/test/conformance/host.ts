/** Where the suite runs: the same tests over memory in Node, over workers in Chromium and WebKit, and over the native engine in a Tauri app. */

import { type Database, open, type OpenOptions } from "ashore";
import { afterAll, afterEach, beforeAll, inject, vi } from "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Which host `open` has to find here. */
    host: Database["capabilities"]["host"];
  }
}

/** What runs the engine. */
export const host = inject("host");

/** Documents outlive the last handle. */
export const persistent = host !== "memory";

/** Options of a test, or of a group of them, that makes sense only where there is `what`. Where it is skipped, the table of the run says so. */
export function needs(what: string, isHere: boolean): { readonly skip: boolean; readonly meta: { needs: string } } {
  return { skip: !isHere, meta: { needs: what } };
}

/** Tests that look at what is there after the last handle was closed. */
export const needsKeeping = needs("documents that outlive the last handle", persistent);

/** Tests that count workers and end them; what is promised of an engine that breaks in an app is in `test/tauri`. */
export const needsWorker = needs("a worker that the test can end", host === "worker");

/** Tests that set the clock: only in memory the engine has that of the test. */
export const needsClock = needs("an engine whose clock the test can set", host === "memory");

/** The text of a fresh database's name; IndexedDB of earlier tests is never met again. */
export function freshName(): string {
  return `test-${crypto.randomUUID()}`;
}

const opened: Database[] = [];

/** Opens a database, a fresh one unless named, and closes it after the test. */
export async function database(options: Partial<OpenOptions> = {}): Promise<Database> {
  const db = await open({ name: freshName(), ...options });
  opened.push(db);
  return db;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<{ code: string; [key: string]: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as { code: string; [key: string]: unknown };
  }
  throw new Error("it did not reject");
}

/** A document that must be there. */
export function there<T>(document: T | null): T {
  if (document === null) {
    throw new Error("there is no such document");
  }
  return document;
}

/** For tests with a relay: Node before version 22 has no WebSocket. */
export function withWebSocket(): void {
  beforeAll(async () => {
    if (typeof WebSocket === "undefined") {
      vi.stubGlobal("WebSocket", quiet((await import("ws")).WebSocket));
    }
  });
  afterAll(() => void vi.unstubAllGlobals());
}

/** As in browsers: nobody has to listen to what goes wrong with a socket that was closed before it had opened. */
function quiet(Socket: typeof WebSocket): typeof WebSocket {
  return class extends Socket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener("error", () => {});
    }
  };
}
