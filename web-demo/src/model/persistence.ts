// Whether the browser promises to keep what is stored here, or may delete it when space runs out. An app keeps it in a file of its own.

import { signal } from "@preact/signals";
import type { Database, Persistence } from "ashore";
import { tell } from "./toasts.js";

/** `null` until it is known. */
export const persistence = signal<Persistence | null>(null);

export async function loadPersistence(database: Database): Promise<void> {
  persistence.value = await database.persisted();
}

/** Asks again; browsers say yes more readily once a page is installed or often used. */
export async function askAndTell(): Promise<void> {
  if (await navigator.storage.persist()) {
    persistence.value = "granted";
  }
  tell(
    persistence.value === "granted"
      ? "The browser will keep it."
      : "The browser said no for now. Installing the app helps.",
  );
}
