// Which dialog is open; at most one is.

import { signal } from "@preact/signals";

export type DialogName = "sync" | "pair" | "join" | "new-list" | "note-history" | "shortcuts";

export const openDialog = signal<DialogName | null>(null);

export function closeDialog(): void {
  openDialog.value = null;
}
