// Who is in the household: every device by its name, and a way to rename this one.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Device } from "ashore";
import { deviceName } from "../model/device-name.js";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { useFocus } from "./focus.js";
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
  const isHere = useHousehold().company.others.value.some((other) => other.device === device.id);
  return (
    <li class="device" data-testid="device" data-me="false">
      <Laptop />
      <span class="device-name" data-testid="device-name">
        {device.name || "Unnamed device"}
      </span>
      {isHere && (
        <span class="device-here" data-testid="device-here">
          Here now
        </span>
      )}
    </li>
  );
}

function ThisDevice({ device }: { readonly device: Device }): JSX.Element {
  const { sync } = useHousehold();
  const [renaming, setRenaming] = useState(false);
  const rename = async (name: string): Promise<void> => {
    setRenaming(false);
    const wanted = name.trim();
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
      {!renaming ? (
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
            onClick={() => setRenaming(true)}
          >
            <Pencil />
          </button>
        </>
      ) : (
        <RenameForm name={device.name} onName={(wanted) => void rename(wanted)} />
      )}
    </li>
  );
}

type RenameProps = { readonly name: string; readonly onName: (name: string) => void };

/** Escape gives back the name that was there. */
function RenameForm({ name, onName }: RenameProps): JSX.Element {
  const [typed, setTyped] = useState(name);
  const field = useFocus<HTMLInputElement>();
  return (
    <form
      class="device-form"
      onSubmit={(event) => {
        event.preventDefault();
        onName(typed);
      }}
    >
      <input
        type="text"
        ref={field}
        aria-label="Name of this device"
        maxLength={60}
        data-testid="device-name-field"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.preventDefault();
            onName(name);
          }
        }}
      />
      <button type="submit" class="button-quiet" data-testid="save-device-name">
        Save
      </button>
    </form>
  );
}
