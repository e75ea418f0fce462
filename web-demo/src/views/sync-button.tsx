// The four-state indicator. It opens the panel, and tells screen readers when the state has changed.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { openDialog } from "../model/dialogs.js";
import { useHousehold } from "./context.js";
import { longSync, shortSync, syncLooks } from "./sync-looks.js";

/** A state must last this long to be read out, in milliseconds: sending takes a blink, and hearing it each time is no help. */
const settleMs = 1200;

export function SyncButton(): JSX.Element {
  const status = useHousehold().sync.status.value;
  return (
    <>
      <button
        type="button"
        class={`sync-button sync-${status.state}`}
        data-testid="sync-indicator"
        data-state={status.state}
        data-enabled={status.enabled}
        data-pending={status.pending}
        aria-label={`${shortSync(status)}. Sync: ${longSync(status)}`}
        title={longSync(status)}
        onClick={() => (openDialog.value = "sync")}
      >
        {syncLooks[status.state].icon()}
        <span class="sync-button-word">{shortSync(status)}</span>
      </button>
      <Announcement sentence={longSync(status)} state={`${status.enabled} ${status.state}`} />
    </>
  );
}

function Announcement({ sentence, state }: { readonly sentence: string; readonly state: string }): JSX.Element {
  const [said, setSaid] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSaid(sentence), settleMs);
    return () => clearTimeout(timer);
    // Only a new state is news; the count changes with every key.
  }, [state]);
  return (
    <span class="visually-hidden" role="status" aria-live="polite">
      {said}
    </span>
  );
}
