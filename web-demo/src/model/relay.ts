// Which relay is asked by a device that does not sync yet: the one in the address (`?relay=`), the one chosen before, or the one that served this page.

import { keep, kept } from "./preferences.js";

export function relayAddress(): string {
  return new URLSearchParams(location.search).get("relay") ?? kept("relay") ?? ownRelay();
}

/** The relay serves this page too, so its socket is at the page's own origin. */
export function ownRelay(): string {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.host}/v1/ws`;
}

/** Remembers a relay for the next opening; the page's own relay needs no remembering. */
export function rememberRelay(address: string): void {
  keep("relay", address === ownRelay() ? null : address);
}

/** This page, for a device that is invited or may ask: it says which relay unless that is the page's own. */
export function invitePage(relay: string): string {
  const page = location.origin + location.pathname;
  return relay === ownRelay() ? page : `${page}?relay=${encodeURIComponent(relay)}`;
}

/** People leave out the scheme and the path; both can be known. */
export function completeAddress(typed: string): string {
  const trimmed = typed.trim();
  if (trimmed === "") {
    return ownRelay();
  }
  const schemed = /^[a-z]+:\/\//i.test(trimmed)
    ? trimmed.replace(/^http/i, "ws")
    : `${guessScheme(trimmed)}://${trimmed}`;
  return /^wss?:\/\/[^/]+\/?$/i.test(schemed) ? `${schemed.replace(/\/$/, "")}/v1/ws` : schemed;
}

function guessScheme(host: string): string {
  return /^(localhost|127\.|\[::1\])/.test(host) ? "ws" : "wss";
}
