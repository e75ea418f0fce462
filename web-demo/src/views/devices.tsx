// Who is in the household: every device by its name, and a way to rename this one.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Device } from "ashore";
import { deviceName } from "../model/device-name.js";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Laptop, Pencil } from "./icons.js";

export function Devices(): JSX.Element {
  const devices = useHousehold().sync.devices.value;
  return (
    <section class="panel-section" aria-labelledby="devices-heading">
      <h3 id="devices-heading">Devices</h3>
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
  return (
    <li class="device" data-testid="device" data-me="false">
      <Laptop />
      <span class="device-name" data-testid="device-name">
        {device.name || "Unnamed device"}
      </span>
    </li>
  );
}

function ThisDevice({ device }: { readonly device: Device }): JSX.Element {
  const { sync } = useHousehold();
  const [name, setName] = useState<string | null>(null);
  const rename = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wanted = name?.trim() ?? "";
    setName(null);
    if (wanted === "" || wanted === device.name) {
      return;
    }
    if ((await attempt(sync.renameDevice(wanted).then(() => true))) === true) {
      tell(`This device is now “${wanted}”`);
    }
  };
  return (
    <li class="device" data-testid="device" data-me="true">
      <Laptop />
      {name === null ? (
        <>
          <span class="device-name">
            <span data-testid="device-name">{device.name || deviceName()}</span>
            <span class="device-me">This device</span>
          </span>
          <button
            type="button"
            class="button-plain"
            aria-label="Rename this device"
            data-testid="rename-device"
            onClick={() => setName(device.name)}
          >
            <Pencil />
          </button>
        </>
      ) : (
        <form class="device-form" onSubmit={(event) => void rename(event)}>
          <input
            type="text"
            autofocus
            aria-label="Name of this device"
            maxLength={60}
            data-testid="device-name-field"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Escape") {
                return;
              }
              event.preventDefault();
              setName(null);
            }}
          />
          <button type="submit" class="button-quiet" data-testid="save-device-name">
            Save
          </button>
        </form>
      )}
    </li>
  );
}
