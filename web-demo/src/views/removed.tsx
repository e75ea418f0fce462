// A device that was removed: what that means, and what its owner can do next.

import type { JSX } from "preact";
import { openDialog } from "../model/dialogs.js";
import { addresses } from "../model/route.js";
import { tell } from "../model/toasts.js";
import { Confirm, Effects } from "./confirm.js";
import { useHousehold } from "./context.js";
import { Door, Phones } from "./icons.js";

/** On the page of the devices, in the place of the members. */
export function RemovedHere(): JSX.Element {
  const { sync } = useHousehold();
  const { pending } = sync.status.value;
  return (
    <section class="card card-removed" aria-labelledby="removed-heading" data-testid="removed">
      <Door class="card-sign" />
      <h2 id="removed-heading">This device was removed from the household</h2>
      <p class="card-lead">
        An admin did that. Everything that was here is still here, and you can go on reading and changing it. Nothing
        new arrives from the others, and nothing from here reaches them.
      </p>
      {pending > 0 && (
        <p class="card-lead" data-testid="removed-pending">
          {pending === 1 ? "One change" : `${pending} changes`} made here did not reach the others. It is kept, and goes
          along if this device joins again.
        </p>
      )}
      <ul class="nexts">
        <li>
          <div>
            <h3>Come back</h3>
            <p>Ask an admin for a new invitation. This device joins as a new one, with what is on it.</p>
          </div>
          <button type="button" class="button-strong" data-testid="rejoin" onClick={() => (openDialog.value = "join")}>
            <Phones /> Join with a new code
          </button>
        </li>
        <li>
          <div>
            <h3>Go on alone</h3>
            <p>Keep every list and note as your own and forget the household. You can pair other devices again.</p>
          </div>
          <button
            type="button"
            class="button-quiet"
            data-testid="forget-household"
            onClick={() => (openDialog.value = "forget")}
          >
            Forget the household
          </button>
        </li>
      </ul>
    </section>
  );
}

/** At the top of every page, until something was decided. */
export function RemovedNotice(): JSX.Element {
  return (
    <div class="notice notice-removed" role="status" data-testid="removed-notice">
      <Door />
      <p>This device was removed from the household. Everything here stays; nothing is sent or fetched any more.</p>
      <a class="button-quiet" href={addresses.devices} data-testid="removed-what-next">
        What next?
      </a>
    </div>
  );
}

export function ForgetDialog(): JSX.Element {
  const { sync } = useHousehold();
  const forget = async (): Promise<void> => {
    await sync.forget();
    tell("Forgotten. Everything is still here, and yours alone.");
  };
  return (
    <Confirm title="Forget the household?" testId="forget-dialog" answer="Forget it" grave act={forget}>
      <Effects
        does={[
          "Its keys and its log are deleted from this device, and sync is off.",
          "Every list and note that you see stays.",
        ]}
        not={["Fetch anything more from the others, unless an admin invites this device again."]}
      />
    </Confirm>
  );
}
