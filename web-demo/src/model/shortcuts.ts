// The keys that work everywhere. Single letters can be switched off, for people who dictate or press keys by accident.

import { signal } from "@preact/signals";
import { keep, kept } from "./preferences.js";

export const singleKeys = signal(kept("single-key-shortcuts") !== "off");

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  keep("single-key-shortcuts", on ? null : "off");
}

export type Shortcut = { readonly keys: readonly string[]; readonly what: string };

/** Shown in the shortcuts dialog. */
export const shortcuts: readonly Shortcut[] = [
  { keys: ["H"], what: "Home" },
  { keys: ["L"], what: "New list" },
  { keys: ["T"], what: "New note" },
  { keys: ["N"], what: "Add to the open list" },
  { keys: ["S"], what: "Sync and devices" },
  { keys: ["P"], what: "Pair a device" },
  { keys: ["?"], what: "These shortcuts" },
];

export const editingShortcuts: readonly Shortcut[] = [
  { keys: ["Enter"], what: "Save an item, go on to the next" },
  { keys: ["Esc"], what: "Leave a text as it was; close a panel" },
  { keys: ["Alt", "↑"], what: "Move an item up" },
  { keys: ["Alt", "↓"], what: "Move an item down" },
  { keys: ["Ctrl", "Z"], what: "Bring back what was just deleted" },
];

/** Calls the action of a pressed key. Keys belong to the text while one is being typed, and to a dialog while one is open. */
export function listenForShortcuts(actions: Readonly<Record<string, () => void>>, undo: () => boolean): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.altKey || isTyping(event.composedPath()[0])) {
      return;
    }
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && key === "z") {
      if (undo()) {
        event.preventDefault();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || !singleKeys.value || document.querySelector("dialog[open]")) {
      return;
    }
    const action = actions[key];
    if (action === undefined) {
      return;
    }
    event.preventDefault();
    action();
  };
  addEventListener("keydown", onKey);
  return () => removeEventListener("keydown", onKey);
}

/** The target itself: a note's editor is in a shadow root, outside of which the event names only its place. */
function isTyping(target: EventTarget | undefined): boolean {
  if (!(target instanceof HTMLElement)) {
    return false;
  }
  if (target instanceof HTMLInputElement) {
    return !["checkbox", "radio", "button"].includes(target.type);
  }
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
