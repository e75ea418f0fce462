// What is worth a line at the top of the page: a new version that waits, a device that was removed or only reads, and storage
// that the browser may take back.

import type { JSX } from "preact";
import { signal } from "@preact/signals";
import { askAndTell, persistence } from "../model/persistence.js";
import { keep, kept } from "../model/preferences.js";
import { addresses, route } from "../model/route.js";
import { applyUpdate, updateWaits } from "../model/update.js";
import { useHousehold } from "./context.js";
import { Close, Eye, Refresh, Warning } from "./icons.js";
import { OwnRequestNotice } from "./own-request.js";
import { RemovedNotice } from "./removed.js";
import { RequestsNotice } from "./requests.js";

const hidden = signal(kept("hidden-notices") === "storage");

export function Notices(): JSX.Element {
  const { members } = useHousehold();
  const removed = members.removed.value;
  return (
    <div class="notices">
      {updateWaits() && <UpdateNotice />}
      {removed && route.value.page !== "devices" && <RemovedNotice />}
      {members.me.value?.role === "reader" && !removed && route.value.page === "home" && <ReaderNotice />}
      {route.value.page !== "devices" && <RequestsNotice />}
      {route.value.page !== "devices" && <OwnRequestNotice />}
      {route.value.page === "home" && <StorageNotice />}
    </div>
  );
}

function UpdateNotice(): JSX.Element {
  return (
    <div class="notice" role="status" data-testid="update-notice">
      <Refresh />
      <p>A new version of Saltbox is ready.</p>
      <button type="button" class="button-quiet" data-testid="apply-update" onClick={applyUpdate}>
        Reload to update
      </button>
    </div>
  );
}

function ReaderNotice(): JSX.Element {
  return (
    <div class="notice notice-quiet" role="note" data-testid="reader-notice">
      <Eye />
      <p>This device reads along. To change lists and notes it needs another role, which an admin can give it.</p>
      <a class="button-quiet" href={addresses.devices}>
        See who is admin
      </a>
    </div>
  );
}

/** Only once there is something to lose. */
function StorageNotice(): JSX.Element | null {
  const household = useHousehold();
  const something = household.lists.all.value.length + household.notes.all.value.length > 0;
  if (persistence.value !== "denied" || hidden.value || !something) {
    return null;
  }
  const hide = (): void => {
    hidden.value = true;
    keep("hidden-notices", "storage");
  };
  return (
    <div class="notice" role="note" data-testid="storage-notice">
      <Warning />
      <p>This browser may clear Saltbox when the device runs short of space.</p>
      <button type="button" class="button-quiet" onClick={() => void askAndTell()}>
        Keep it
      </button>
      <button type="button" class="button-plain" aria-label="Hide this notice" onClick={hide}>
        <Close />
      </button>
    </div>
  );
}
