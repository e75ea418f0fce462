// Who is in the household, in short: for the sync panel. All of it, and what can be changed, is on the page of the devices.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Device } from "ashore";
import { deviceName } from "../model/device-name.js";
import { closeDialog } from "../model/dialogs.js";
import { nameOf } from "../model/members.js";
import { addresses } from "../model/route.js";
import { useHousehold } from "./context.js";
import { Laptop, Pencil } from "./icons.js";
import { RenameDevice } from "./rename-device.js";
import { roleName } from "./role-looks.js";

export function Devices(): JSX.Element {
  const devices = useHousehold().members.devices.value;
  return (
    <section class="panel-section" aria-labelledby="devices-heading">
      <div class="panel-heading">
        <h3 id="devices-heading">Devices</h3>
        <a class="button-link" href={addresses.devices} data-testid="all-devices" onClick={closeDialog}>
          Roles and more
        </a>
      </div>
      <ul class="devices">
        {devices.map((device) =>
          device.me ? <ThisDevice key={device.id} device={device} /> : <OtherDevice key={device.id} device={device} />,
        )}
      </ul>
      {devices.length === 1 && <p class="hint">Only this one so far. Pair another to share your lists.</p>}
    </section>
  );
}

function OtherDevice({ device }: { readonly device: Device }): JSX.Element {
  const isHere = useHousehold().company.isHere(device.id);
  return (
    <li class="device" data-testid="device" data-me="false">
      <Laptop />
      <span class="device-name" data-testid="device-name">
        {nameOf(device)}
      </span>
      {isHere && (
        <span class="device-here" data-testid="device-here">
          Here now
        </span>
      )}
      <span class="device-role">{roleName(device.role)}</span>
    </li>
  );
}

function ThisDevice({ device }: { readonly device: Device }): JSX.Element {
  const [renaming, setRenaming] = useState(false);
  const name = device.name || deviceName();
  return (
    <li class="device" data-testid="device" data-me="true">
      <Laptop />
      {renaming ? (
        <RenameDevice name={name} onDone={() => setRenaming(false)} />
      ) : (
        <>
          <span class="device-name">
            <span data-testid="device-name">{name}</span>
            <span class="device-me">This device</span>
          </span>
          <span class="device-role">{roleName(device.role)}</span>
          <button
            type="button"
            class="button-plain"
            aria-label="Rename this device"
            data-testid="rename-device"
            onClick={() => setRenaming(true)}
          >
            <Pencil />
          </button>
        </>
      )}
    </li>
  );
}
