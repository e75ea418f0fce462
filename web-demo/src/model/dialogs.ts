// Which dialog is open; at most one is.

import { signal } from "@preact/signals";

export type DialogName =
  | "sync"
  | "pair"
  | "join"
  | "new-list"
  | "note-history"
  | "shortcuts"
  | "change-role"
  | "remove-device"
  | "hand-over"
  | "leave"
  | "forget"
  | "ticket"
  | "ask"
  | "approve"
  | "set-password"
  | "phrase"
  | "recover";

export const openDialog = signal<DialogName | null>(null);

/** The device that the open dialog is about. */
export const dialogDevice = signal<string | null>(null);

export function closeDialog(): void {
  openDialog.value = null;
}

/** Opens a dialog about one device. */
export function askAbout(device: string, name: "change-role" | "remove-device" | "hand-over" | "approve"): void {
  dialogDevice.value = device;
  openDialog.value = name;
}
