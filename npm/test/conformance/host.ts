/** Where the suite runs: the same tests over memory in Node and over the worker in Chromium. */

import { type Database, open, type OpenOptions } from "ashore";
import { afterAll, afterEach, beforeAll, vi } from "vitest";

/** Documents outlive the last handle: in browsers. */
export const persistent = typeof indexedDB === "object";

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
