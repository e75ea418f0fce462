// A new version of the app: it waits, installed, until somebody says "Reload to update".

import { signal } from "@preact/signals";
import { isTauri } from "ashore/tauri";
import { saveDrafts } from "./drafts.js";

const waiting = signal<ServiceWorker | null>(null);

export const updateWaits = (): boolean => waiting.value !== null;

/** How often a page that stays open asks for a new version, in milliseconds. */
const lookEveryMs = 60 * 60 * 1000;

export async function watchForUpdates(): Promise<void> {
  // An app has its pages inside, and is updated as a whole.
  if (!import.meta.env.PROD || isTauri() || !("serviceWorker" in navigator)) {
    return;
  }
  // The first one to take over is no new version. After that every tab reloads: old pages must not ask for files that are gone.
  let controlled = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (controlled) {
      void saveDrafts().then(() => location.reload());
    }
    controlled = true;
  });
  const registration = await navigator.serviceWorker.register("./sw.js", { updateViaCache: "none" });
  noticeWaiting(registration);
  registration.addEventListener("updatefound", () => {
    const coming = registration.installing;
    coming?.addEventListener("statechange", () => noticeWaiting(registration));
  });
  setInterval(() => void registration.update().catch(() => undefined), lookEveryMs);
}

export function applyUpdate(): void {
  waiting.value?.postMessage("take-over");
}

function noticeWaiting(registration: ServiceWorkerRegistration): void {
  if (navigator.serviceWorker.controller !== null) {
    waiting.value = registration.waiting;
  }
}
