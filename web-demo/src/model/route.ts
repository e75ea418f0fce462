// Which page is shown: kept in the address after its `#`, so that back, forward and reload work.

import { signal } from "@preact/signals";
import { parseLink } from "./links.js";
import { offeredRelay } from "./relay.js";

export type Route =
  | { readonly page: "home" }
  | { readonly page: "devices" }
  | { readonly page: "list"; readonly id: string }
  | { readonly page: "note"; readonly id: string };

export const route = signal<Route>({ page: "home" });

/** An invite that the address carried (`#join=…`): the code, to be asked about before it is used. */
export const offeredInvite = signal<string | null>(null);

/** A ticket that the address carried (`#ticket=…`): the whole link, to ask with when the reader says so. */
export const offeredTicket = signal<string | null>(null);

export const addresses = {
  home: "#/",
  devices: "#/devices",
  list: (id: string) => `#/list/${encodeURIComponent(id)}`,
  note: (id: string) => `#/note/${encodeURIComponent(id)}`,
};

export function followAddress(): void {
  addEventListener("hashchange", readAddress);
  readAddress();
}

export function goTo(address: string): void {
  location.hash = address;
}

/** Like `goTo`, without a way back: for a page that is gone. */
export function replaceWith(address: string): void {
  history.replaceState(null, "", address);
  readAddress();
}

function readAddress(): void {
  takeLink();
  const invite = parseInvite(location.hash);
  if (invite !== null) {
    offeredInvite.value = invite;
    // The code works once and for whoever holds it: it does not stay in the address or the history.
    history.replaceState(null, "", location.pathname + location.search + addresses.home);
  }
  if (new URLSearchParams(location.hash.slice(1)).has("ticket")) {
    offeredTicket.value = location.href;
    history.replaceState(null, "", location.pathname + location.search + addresses.home);
  }
  route.value = parseRoute(location.hash);
}

/** An app is handed the link that it was opened with (`#link=…`): it offers what it would in the address of a browser. */
function takeLink(): void {
  const text = new URLSearchParams(location.hash.slice(1)).get("link");
  if (text === null) {
    return;
  }
  const link = parseLink(text);
  const code = link?.code ?? null;
  offeredInvite.value = code;
  // A ticket says itself where to ask.
  offeredRelay.value = link === null || code === null ? null : link.relay;
  offeredTicket.value = link !== null && code === null ? text : null;
  history.replaceState(null, "", location.pathname + location.search + addresses.home);
}

function parseInvite(hash: string): string | null {
  const code = new URLSearchParams(hash.slice(1)).get("join");
  return code === null || code === "" ? null : code;
}

function parseRoute(hash: string): Route {
  const [, page, id] = hash.split("/");
  if ((page === "list" || page === "note") && id !== undefined && id !== "") {
    return { page, id: decodeId(id) };
  }
  return { page: page === "devices" ? "devices" : "home" };
}

function decodeId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
