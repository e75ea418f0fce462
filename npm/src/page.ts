/** What the page notices about the network and its own visibility, as hints to an engine that runs; it starts none. */

import type { Client } from "./client.js";
import type { Command } from "./generated/Command.js";
import type { Hint } from "./generated/Hint.js";

const PAGEHIDE_FLUSH_MS = 500;

/** Watches this page for a client; the returned function ends it. Does nothing where there is no page. */
export function watchPage(client: Client): () => void {
  if (typeof globalThis.addEventListener !== "function") {
    return () => {};
  }
  const watching = new AbortController();
  const { signal } = watching;
  const tell = (command: Command): void => {
    if (client.running) {
      client.ask(command, "done", { op: "hint" }).catch(() => {});
    }
  };
  const hint = (noticed: Hint) => (): void => tell({ hint: { hint: noticed } });
  globalThis.addEventListener("online", hint("online"), { signal });
  globalThis.addEventListener("offline", hint("offline"), { signal });
  // Sends what waits while there still is a moment; it is durable here anyway. Nothing is awaited: leaving a page is never delayed.
  globalThis.addEventListener("pagehide", () => tell({ flush: { timeoutMs: PAGEHIDE_FLUSH_MS } }), { signal });
  const page = (globalThis as { document?: Document }).document;
  page?.addEventListener("visibilitychange", () => page.visibilityState === "visible" && hint("foreground")(), {
    signal,
  });
  return () => watching.abort();
}
