// Which relay is asked by a device that does not sync yet: the one that a link names, the one chosen before, or the one that served this page.

import { signal } from "@preact/signals";
import { isTauri } from "ashore/tauri";
import { appLink, pageAt, parseLink, relayAt } from "./links.js";
import { keep, kept } from "./preferences.js";

const chosen = signal(kept("relay"));

/** Of the link that is being asked about. */
export const offeredRelay = signal<string | null>(null);

/** Empty when none is known: an app is served by nobody, so somebody has to say it once. */
export function relayAddress(): string {
  const named = offeredRelay.value ?? new URLSearchParams(location.search).get("relay");
  return named ?? chosen.value ?? ownRelay() ?? "";
}

/** The relay serves this page too, so its socket is at the page's own origin; an app has none. */
export function ownRelay(): string | null {
  return isTauri() ? null : relayAt(location);
}

/** Remembers a relay for the next opening; the page's own relay needs no remembering. */
export function rememberRelay(address: string): void {
  chosen.value = address === ownRelay() ? null : address;
  keep("relay", chosen.value);
}

/**
 * This page, for a device that is invited or may ask: it says which relay unless that is the page's own. An app's pages cannot be opened from outside:
 * those that the relay serves can, also by a phone.
 */
export function invitePage(relay: string): string {
  if (isTauri()) {
    return pageAt(relay) ?? appLink(relay);
  }
  const page = location.origin + location.pathname;
  return relay === ownRelay() ? page : `${page}?relay=${encodeURIComponent(relay)}`;
}

/** People leave out the scheme and the path; both can be known. From a link its relay is taken. */
export function completeAddress(typed: string): string {
  const trimmed = typed.trim();
  if (trimmed === "") {
    return ownRelay() ?? "";
  }
  const named = parseLink(trimmed)?.relay;
  if (named) {
    return named;
  }
  const schemed = /^[a-z]+:\/\//i.test(trimmed)
    ? trimmed.replace(/^http/i, "ws")
    : `${guessScheme(trimmed)}://${trimmed}`;
  return /^wss?:\/\/[^/]+\/?$/i.test(schemed) ? `${schemed.replace(/\/$/, "")}/v1/ws` : schemed;
}

function guessScheme(host: string): string {
  return /^(localhost|127\.|\[::1\])/.test(host) ? "ws" : "wss";
}
