// The keys, for people who would rather not reach for a mouse.

import type { JSX } from "preact";
import { editingShortcuts, setSingleKeys, shortcuts, singleKeys, type Shortcut } from "../model/shortcuts.js";
import { Dialog } from "./dialog.js";

export function ShortcutsDialog(): JSX.Element {
  return (
    <Dialog title="Keyboard shortcuts" testId="shortcuts-dialog">
      <h3>Anywhere</h3>
      <Keys rows={shortcuts} />
      <h3>In a list or a note</h3>
      <Keys rows={editingShortcuts} />
      <label class="switch-row">
        <span>
          <strong>Single-letter shortcuts</strong>
          <span class="hint">Turn off if you dictate or press keys by accident.</span>
        </span>
        <input
          type="checkbox"
          role="switch"
          class="switch"
          checked={singleKeys.value}
          onChange={(event) => setSingleKeys(event.currentTarget.checked)}
        />
      </label>
    </Dialog>
  );
}

function Keys({ rows }: { readonly rows: readonly Shortcut[] }): JSX.Element {
  return (
    <dl class="keys">
      {rows.map(({ keys, what }) => (
        <div key={what}>
          <dt>{what}</dt>
          <dd>
            {keys.map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}
