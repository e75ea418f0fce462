/**
 * What the page notices about the network and its own visibility, as hints to an engine that runs; it starts none. The same in a browser's tab and in the
 * window of a Tauri app.
 */

import type { Client } from "./client.js";
import type { Command } from "./generated/Command.js";
import type { Hint } from "./generated/Hint.js";

/** What may be spent on the relay when there is no time, in milliseconds. */
export const LAST_FLUSH_MS = 500;
/** An engine that does not even say that the time is over is not waited for any longer. */
const GRACE_MS = 100;

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
  // Sends what waits while there still is a moment; it is durable here anyway. Nothing is awaited: leaving a page is never delayed.
  const flush = (): void => tell({ flush: { timeoutMs: LAST_FLUSH_MS } });
  const resume = (): void => {
    client.resume();
    hint("foreground")();
  };
  const pause = (): void => {
    client.pause();
    flush();
  };
  globalThis.addEventListener("online", hint("online"), { signal });
  globalThis.addEventListener("offline", hint("offline"), { signal });
  globalThis.addEventListener("pagehide", flush, { signal });
  // A window that stands behind another one is not hidden: webviews tell of it by the focus alone.
  globalThis.addEventListener("focus", resume, { signal });
  const page = (globalThis as { document?: Document }).document;
  // On phones this is the last that a page hears before it is ended.
  page?.addEventListener("visibilitychange", () => (page.visibilityState === "visible" ? resume : pause)(), { signal });
  page?.addEventListener("resume", resume, { signal });
  return () => watching.abort();
}

/** Gives what waits half a second to get to the relay, if it is connected: for whoever is about to close. Never rejects. */
export async function flushBriefly(client: Client): Promise<void> {
  const { connected, pending } = client.status;
  if (!client.running || !connected || pending === 0) {
    return;
  }
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), LAST_FLUSH_MS + GRACE_MS);
  const flush = { flush: { timeoutMs: LAST_FLUSH_MS } };
  await client.ask(flush, "flushed", { op: "close", signal: patience.signal }).catch(() => {});
  clearTimeout(timer);
}
