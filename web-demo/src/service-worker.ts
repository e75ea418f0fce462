// Keeps the built files, so that the app opens and works with no network at all. A new version is fetched whole, waits,
// and takes over only when the page says so. It touches nothing but those files: data is the database's own matter.

// Filled in by build/precache.ts: every built file with the hash of its content, and a hash over all of them.
declare const PRECACHED_FILES: readonly (readonly [path: string, hash: string])[];
declare const VERSION: string;

const worker = globalThis as unknown as ServiceWorkerGlobalScope;
const files = PRECACHED_FILES;
const prefix = "saltbox-";
const cacheName = prefix + VERSION;
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

/** What has not changed since the version before is copied from there. */
async function keepFile(cache: Cache, url: string, hash: string): Promise<void> {
  const before = await caches.match(url);
  if (before !== undefined && (await keepIfRight(cache, url, hash, before))) {
    return;
  }
  const response = await fetch(url, { cache: "no-cache", credentials: "same-origin" });
  // While a server is being updated it may hand out some files of the old version and some of the new.
  if (!response.ok || !(await keepIfRight(cache, url, hash, response))) {
    throw new Error(`${url}: not the file of this version (${response.status})`);
  }
}

async function keepIfRight(cache: Cache, url: string, hash: string, response: Response): Promise<boolean> {
  const bytes = await response.arrayBuffer();
  if ((await hashOf(bytes)) !== hash) {
    return false;
  }
  await cache.put(url, new Response(bytes, { headers: response.headers }));
  return true;
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
