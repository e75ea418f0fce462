// Links into a household, wherever they come from: this page's own address, one that was pasted, or one that opened the app.

export type Link = {
  /** The code of an invite; `null` when the link is a ticket or an invite that an admin has to approve. */
  readonly code: string | null;
  /** Which relay the household is at, when the link says so: by name, or by being the address of a page that a relay serves. */
  readonly relay: string | null;
};

/** `null` when it is none. */
export function parseLink(text: string): Link | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["ashore:", "http:", "https:"].includes(url.protocol)) {
    return null;
  }
  const offered = new URLSearchParams(url.hash.slice(1));
  const code = offered.get("join");
  if (!code && !offered.has("ticket")) {
    return null;
  }
  return { code: code || null, relay: url.searchParams.get("relay") ?? relayAt(url) };
}

/** The relay that serves pages at that address. */
export function relayAt(page: URL | Location): string | null {
  if (page.protocol !== "http:" && page.protocol !== "https:") {
    return null;
  }
  return `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}/v1/ws`;
}

/** The pages that a relay serves beside its socket; `null` when the address does not look like one of them. */
export function pageAt(relay: string): string | null {
  const parts = /^ws(s?:\/\/[^/?#]+)\/v1\/ws$/.exec(relay);
  return parts === null ? null : `http${parts[1]}/`;
}

/** The link that opens the app; what is to be done with it follows behind a `#`. */
export function appLink(relay: string, offer = ""): string {
  return `ashore:${relay === "" ? "" : `?relay=${encodeURIComponent(relay)}`}${offer}`;
}
