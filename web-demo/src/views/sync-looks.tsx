// The four sync states: what each is called, looks like and means. One place for the button, the panel and screen readers.

import type { JSX } from "preact";
import type { SyncState, SyncStatus } from "ashore";
import { CloudFailed, CloudPending, CloudSynced, Offline } from "./icons.js";

type Look = {
  readonly name: string;
  readonly icon: () => JSX.Element;
  readonly meaning: string;
};

export const syncStates: readonly SyncState[] = ["synced", "pending", "failed", "offline"];

export const syncLooks: Readonly<Record<SyncState, Look>> = {
  synced: {
    name: "Synced",
    icon: () => <CloudSynced />,
    meaning: "Everything on this device is at the relay, and everything there is here.",
  },
  pending: {
    name: "Sending",
    icon: () => <CloudPending />,
    meaning: "Connected, and something is still on its way. It is safe on this device already.",
  },
  failed: {
    name: "Will retry",
    icon: () => <CloudFailed />,
    meaning: "The relay refused or broke off. Saltbox tries again by itself; nothing is lost.",
  },
  offline: {
    name: "Offline",
    icon: () => <Offline />,
    meaning: "No connection, or sync is off. Everything works and is kept on this device.",
  },
};

/** The few words on the button. */
export function shortSync(status: SyncStatus): string {
  if (status.removed === true) {
    return "Removed";
  }
  if (!status.enabled) {
    return "On this device";
  }
  if (status.state === "pending") {
    return status.pending > 0 ? `${status.pending} waiting` : "Fetching";
  }
  if (status.state === "offline" && status.pending > 0) {
    return `Offline · ${status.pending}`;
  }
  return syncLooks[status.state].name;
}

/** The whole sentence, for the panel's head and for screen readers. */
export function longSync(status: SyncStatus): string {
  if (status.removed === true) {
    return "This device was removed from the household. Everything is kept on this device.";
  }
  if (!status.enabled) {
    return "Sync is off. Everything is kept on this device.";
  }
  const waiting = `${status.pending} ${status.pending === 1 ? "change waits" : "changes wait"}`;
  switch (status.state) {
    case "synced":
      return "Everything is synced.";
    case "pending":
      return status.pending > 0 ? `${waiting} to be sent.` : "Fetching what is new.";
    case "failed":
      return `Sync failed and will be tried again.${status.pending > 0 ? ` ${waiting}.` : ""}`;
    case "offline":
      return status.pending > 0 ? `No connection. ${waiting}, safe on this device.` : "No connection.";
  }
}
