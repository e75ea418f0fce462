// Which relay is used. The page's own is the usual one; anybody may run another. An app has no page of its own and has to be told once.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { completeAddress, ownRelay } from "../model/relay.js";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";

/** In front of what needs a relay, as long as none is known; that follows by itself. */
export function RelayDialog(): JSX.Element {
  return (
    <Dialog title="Which relay?" testId="relay-dialog">
      <p class="dialog-lead">
        Devices find each other at a relay. Enter the address of the one that your household uses, or a link from one of
        its devices.
      </p>
      <RelayForm autofocus />
    </Dialog>
  );
}

export function RelayForm({ autofocus = false }: { readonly autofocus?: boolean }): JSX.Element {
  const { sync } = useHousehold();
  const used = sync.relay;
  const own = ownRelay();
  const [typed, setTyped] = useState<string | null>(null);
  const use = async (address: string): Promise<void> => {
    setTyped(null);
    if ((await attempt(sync.useRelay(address).then(() => true))) === true) {
      tell("Using this relay from now on.");
    }
  };
  return (
    <form
      class="panel-section form"
      onSubmit={(event) => {
        event.preventDefault();
        void use(completeAddress(typed ?? used));
      }}
    >
      <label class="field">
        <span>Relay address</span>
        <input
          type="text"
          inputMode="url"
          autofocus={autofocus}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder="relay.example.org"
          data-testid="relay-address"
          value={typed ?? used}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <p class="hint">It keeps and forwards what your devices send each other, sealed. It never sees a word.</p>
      <div class="form-foot">
        {own !== null && used !== own && (
          <button type="button" class="button-quiet" onClick={() => void use(own)}>
            Use this page’s relay
          </button>
        )}
        <button type="submit" class="button-quiet" data-testid="save-relay" disabled={typed === null || typed === used}>
          Use this relay
        </button>
      </div>
    </form>
  );
}
