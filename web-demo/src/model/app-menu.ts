// The menu of the desktop app (tauri-shell/src/menu.rs): what is chosen there comes as an event with its name. No browser sends it.

import { openDialog } from "./dialogs.js";

/** The entries that have a key of their own in the page do what the key does. */
const keys: Readonly<Record<string, string>> = {
  home: "h",
  devices: "d",
  "new-list": "l",
  "new-note": "t",
  "add-item": "n",
  sync: "s",
  pair: "p",
  shortcuts: "?",
};

/** Listens until the answer is called. */
export function listenForMenu(actions: Readonly<Record<string, () => void>>): () => void {
  const onChoice = (event: Event): void => {
    const { detail } = event as CustomEvent<unknown>;
    if (typeof detail === "string") {
      choose(detail, actions);
    }
  };
  addEventListener("saltbox-menu", onChoice);
  return () => removeEventListener("saltbox-menu", onChoice);
}

function choose(name: string, actions: Readonly<Record<string, () => void>>): void {
  switch (name) {
    case "join":
      openDialog.value = "join";
      return;
    case "undo":
      press("z", false, "undo");
      return;
    case "redo":
      press("z", true, "redo");
      return;
    case "select-all":
      press("a", false, "selectAll");
      return;
    default:
      actions[keys[name] ?? ""]?.();
  }
}

/** As if the keys were pressed where the focus is: the editor of notes and the page have their own answers to them. Plain fields have the webview's. */
function press(key: string, shiftKey: boolean, command: string): void {
  const event = new KeyboardEvent("keydown", {
    key,
    shiftKey,
    ctrlKey: true,
    bubbles: true,
    cancelable: true,
    composed: true,
  });
  if (focused().dispatchEvent(event)) {
    document.execCommand(command);
  }
}

function focused(): Element {
  let place = document.activeElement ?? document.body;
  while (place.shadowRoot?.activeElement) {
    place = place.shadowRoot.activeElement;
  }
  return place;
}
