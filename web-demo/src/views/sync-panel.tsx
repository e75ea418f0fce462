// The panel behind the indicator: where sync stands, what its signs mean, who is in, and which relay is used.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { closeDialog, openDialog } from "../model/dialogs.js";
import { addresses } from "../model/route.js";
import { now, sayLeft, sayWhen, useClock } from "../model/times.js";
import { attempt, tell } from "../model/toasts.js";
import { sentenceOf } from "../model/problems.js";
import { useHousehold } from "./context.js";
import { Devices } from "./devices.js";
import { Dialog } from "./dialog.js";
import { Phones, Refresh } from "./icons.js";
import { RelayForm } from "./relay-form.js";
import { Storage } from "./storage.js";
import { longSync, syncLooks, syncStates } from "./sync-looks.js";

export function SyncPanel(): JSX.Element {
  const { members, sync } = useHousehold();
  const status = sync.status.value;
  return (
    <Dialog title="Sync and devices" shape="panel" testId="sync-panel">
      <Standing />
      {!members.removed.value && <EnableSwitch />}
      {status.enabled && !members.removed.value && <Devices />}
      <div class="panel-section panel-pair">
        {members.mayInvite.value && (
          <button
            type="button"
            class="button-strong"
            data-testid="panel-pair"
            onClick={() => (openDialog.value = "pair")}
          >
            <Phones /> Pair a device
          </button>
        )}
        <button type="button" class="button-quiet" data-testid="panel-join" onClick={() => (openDialog.value = "join")}>
          I have a code
        </button>
      </div>
      <RelayForm />
      <Storage />
      <Legend />
    </Dialog>
  );
}

function Standing(): JSX.Element {
  const { members, sync } = useHousehold();
  const status = sync.status.value;
  const [busy, setBusy] = useState(false);
  useClock();
  const syncNow = async (): Promise<void> => {
    setBusy(true);
    if ((await attempt(sync.now())) !== null) {
      tell("Everything is synced.");
    }
    setBusy(false);
  };
  return (
    <section
      class={`standing sync-${status.state}`}
      aria-label="Where sync stands"
      data-testid="sync-standing"
      data-state={status.state}
    >
      <span class="standing-sign">{syncLooks[status.state].icon()}</span>
      <p class="standing-words">{longSync(status)}</p>
      <dl class="standing-facts">
        <div>
          <dt>Last synced</dt>
          <dd data-testid="last-synced">
            {status.lastSyncedAt === null ? "Never" : sayWhen(status.lastSyncedAt, now.value)}
          </dd>
        </div>
        <div>
          <dt>Waiting here</dt>
          <dd data-testid="pending-count">{status.pending}</dd>
        </div>
        <div>
          <dt>Connection</dt>
          <dd>
            {members.removed.value ? "Ended" : connection(status.enabled, status.connected, status.retryAt, now.value)}
          </dd>
        </div>
      </dl>
      {members.removed.value && (
        <a class="button-quiet standing-now" href={addresses.devices} data-testid="panel-removed" onClick={closeDialog}>
          What you can do now
        </a>
      )}
      {status.lastError !== null && !members.removed.value && (
        <p class="standing-error" data-testid="last-error" data-code={status.lastError.code}>
          {sentenceOf(status.lastError).text}
        </p>
      )}
      {status.quarantined > 0 && (
        <p class="standing-error" data-testid="quarantined">
          {status.quarantined} {status.quarantined === 1 ? "entry" : "entries"} arrived that cannot be opened yet.
        </p>
      )}
      {!members.removed.value && (
        <button
          type="button"
          class="button-quiet standing-now"
          data-testid="sync-now"
          disabled={!status.enabled || busy}
          onClick={() => void syncNow()}
        >
          <Refresh /> {busy ? "Syncing…" : "Sync now"}
        </button>
      )}
    </section>
  );
}

function connection(enabled: boolean, connected: boolean, retryAt: number | null, at: number): string {
  if (!enabled) {
    return "Off";
  }
  if (connected) {
    return "Connected";
  }
  return retryAt === null || retryAt <= at ? "Trying now" : `Retry in ${sayLeft(retryAt - at)}`;
}

function EnableSwitch(): JSX.Element {
  const { sync } = useHousehold();
  const { enabled } = sync.status.value;
  const [busy, setBusy] = useState(false);
  const change = async (on: boolean): Promise<void> => {
    setBusy(true);
    await attempt(on ? sync.enable() : sync.disable());
    setBusy(false);
  };
  return (
    <label class="switch-row panel-section">
      <span>
        <strong>Sync</strong>
        <span class="hint">
          {sync.relay === "" ? "Say below which relay to use." : "Sealed before it leaves. The relay cannot read it."}
        </span>
      </span>
      <input
        type="checkbox"
        role="switch"
        class="switch"
        data-testid="enable-sync"
        checked={enabled}
        disabled={busy || sync.relay === ""}
        onChange={(event) => void change(event.currentTarget.checked)}
      />
    </label>
  );
}

function Legend(): JSX.Element {
  return (
    <section class="panel-section" aria-labelledby="legend-heading">
      <h3 id="legend-heading">What the signs mean</h3>
      <dl class="legend">
        {syncStates.map((state) => (
          <div key={state} class={`legend-row sync-${state}`}>
            <dt>
              {syncLooks[state].icon()} {syncLooks[state].name}
            </dt>
            <dd>{syncLooks[state].meaning}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
