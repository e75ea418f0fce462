// Keeps the built files, so that the app opens and works with no network at all. A new version is fetched whole, waits,
// and takes over only when the page says so. It touches nothing but those files: data is the database's own matter.

// Filled in by build/precache.ts: every built file with the hash of its content.
declare const PRECACHED_FILES: readonly (readonly [path: string, hash: string])[];

const worker = globalThis as unknown as ServiceWorkerGlobalScope;
const files = PRECACHED_FILES;
const prefix = "saltbox-";
const cacheName = prefix + fingerprint(files.map(([path, hash]) => path + hash).join());
const page = new URL("./", worker.registration.scope).href;
const kept = new Map(files.map(([path, hash]) => [new URL(path, worker.registration.scope).href, hash]));

worker.addEventListener("install", (event) => event.waitUntil(fetchAll()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("message", (event) => {
  if (event.data === "take-over") {
    void worker.skipWaiting();
  }
});
worker.addEventListener("fetch", (event) => {
  const request = event.request;
  const url = keptUrl(request);
  if (url !== null) {
    event.respondWith(answer(url, request));
  }
});

/** All or nothing: when one file fails, this version is not installed and the one before goes on. */
async function fetchAll(): Promise<void> {
  const cache = await caches.open(cacheName);
  await Promise.all([...kept].map(([url, hash]) => keepFile(cache, url, hash)));
}

async function keepFile(cache: Cache, url: string, hash: string): Promise<void> {
  if ((await cache.match(url)) !== undefined) {
    return;
  }
  const response = await fetch(url, { cache: "no-cache", credentials: "same-origin" });
  if (!response.ok) {
    throw new Error(`${url}: ${response.status}`);
  }
  // While a server is being updated it may hand out some files of the old version and some of the new.
  const bytes = await response.clone().arrayBuffer();
  if ((await hashOf(bytes)) !== hash) {
    throw new Error(`${url}: not the file of this version`);
  }
  await cache.put(url, new Response(bytes, { headers: response.headers }));
}

async function takeOver(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(prefix) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/** The kept file that a request is for; opening the app at any address of its scope gets its one page. */
function keptUrl(request: Request): string | null {
  if (request.method !== "GET") {
    return null;
  }
  const url = new URL(request.url);
  url.hash = "";
  url.search = "";
  if (kept.has(url.href)) {
    return url.href;
  }
  return request.mode === "navigate" && url.href === page ? new URL("index.html", page).href : null;
}

async function answer(url: string, request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  return (await cache.match(url)) ?? fetch(request);
}

async function hashOf(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A short name for this set of files (FNV-1a); not for security. */
function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (const character of text) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}
