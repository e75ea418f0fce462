// The key that everything is sealed with, and changing it on demand.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Key } from "./icons.js";

export function HouseholdKey(): JSX.Element {
  const { members } = useHousehold();
  const [busy, setBusy] = useState(false);
  const change = async (): Promise<void> => {
    setBusy(true);
    if ((await attempt(members.changeKey().then(() => true))) === true) {
      tell("The household has a new key.");
    }
    setBusy(false);
  };
  return (
    <section class="card card-row" aria-labelledby="key-heading">
      <div>
        <h2 id="key-heading">The household’s key</h2>
        <p class="card-lead">
          It changes by itself when a device is removed or leaves. Change it now if somebody may have copied it: what is
          written from then on needs the new one. What was sealed before stays readable to whoever has the old one.
        </p>
      </div>
      <button type="button" class="button-quiet" disabled={busy} data-testid="change-key" onClick={() => void change()}>
        <Key /> {busy ? "Changing…" : "Change the key"}
      </button>
    </section>
  );
}
