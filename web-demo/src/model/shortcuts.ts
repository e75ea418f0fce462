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
  { keys: ["D"], what: "Devices and roles" },
  { keys: ["P"], what: "Pair a device" },
  { keys: ["?"], what: "These shortcuts" },
];

export const editingShortcuts: readonly Shortcut[] = [
  { keys: ["Enter"], what: "Save an item, go on to the next" },
  { keys: ["Esc"], what: "Leave a text as it was; close a panel" },
  { keys: ["Alt", "↑"], what: "Move an item up" },
  { keys: ["Alt", "↓"], what: "Move an item down" },
  { keys: ["Ctrl", "Z"], what: "Bring back what was just deleted; in a note, undo your last step" },
  { keys: ["Ctrl", "Shift", "Z"], what: "In a note, redo" },
];

/**
 * Calls the action of a pressed key. Keys belong to the text while one is being typed, and to a dialog while one is open. `undo` brings back what was
 * just deleted; where there is nothing, `step` goes back or forth in what is shown. Both say whether there was anything to do.
 */
export function listenForShortcuts(
  actions: Readonly<Record<string, () => void>>,
  undo: () => boolean,
  step: (direction: "undo" | "redo") => boolean,
): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.altKey || isTyping(event.composedPath()[0])) {
      return;
    }
    const key = event.key.toLowerCase();
    const direction = event.ctrlKey || event.metaKey ? directionOf(key, event.shiftKey) : null;
    if (direction !== null) {
      if ((direction === "undo" && undo()) || step(direction)) {
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

function directionOf(key: string, shift: boolean): "undo" | "redo" | null {
  if (key === "z") {
    return shift ? "redo" : "undo";
  }
  return key === "y" ? "redo" : null;
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
