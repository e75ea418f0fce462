// What is promised about keeping this household's data.

import { isTauri } from "ashore/tauri";
import type { JSX } from "preact";
import { askAndTell, persistence } from "../model/persistence.js";

export function Storage(): JSX.Element | null {
  if (persistence.value === null || persistence.value === "unsupported") {
    return null;
  }
  const kept = persistence.value === "granted";
  return (
    <section class="panel-section" aria-labelledby="storage-heading" data-testid="storage" data-persisted={kept}>
      <h3 id="storage-heading">On this device</h3>
      <p class="hint">
        {isTauri()
          ? "This household’s data is a file in Saltbox’s own folder. It stays until you remove it."
          : kept
            ? "The browser keeps this household’s data until you remove it."
            : "The browser may remove this household’s data when the device runs short of space. Other paired devices keep theirs."}
      </p>
      {!kept && (
        <button type="button" class="button-quiet" data-testid="ask-to-persist" onClick={() => void askAndTell()}>
          Ask the browser to keep it
        </button>
      )}
    </section>
  );
}
