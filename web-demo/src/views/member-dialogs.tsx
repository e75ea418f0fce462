// What an admin is asked before a member is removed, gets another role, or is handed the household.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Device, Role } from "ashore";
import { dialogDevice } from "../model/dialogs.js";
import { nameOf } from "../model/members.js";
import { tell } from "../model/toasts.js";
import { Confirm, Effects } from "./confirm.js";
import { useHousehold } from "./context.js";
import { isRole, RoleChoice, roleName } from "./role-looks.js";

/** The device that is asked about, as it was when the dialog opened: it may be gone while the dialog closes. */
function useAskedAbout(): Device | null {
  const { members } = useHousehold();
  return useState(() => members.find(dialogDevice.value))[0];
}

export function RemoveDeviceDialog(): JSX.Element | null {
  const { members, sync } = useHousehold();
  const device = useAskedAbout();
  if (device === null) {
    return null;
  }
  const name = nameOf(device);
  const remove = async (): Promise<void> => {
    await members.remove(device.id);
    tell(`${name} was removed, and the household has a new key.`);
  };
  return (
    <Confirm title={`Remove ${name}?`} testId="remove-dialog" answer="Remove it" grave act={remove}>
      <Effects
        does={[
          "It gets nothing that is written from now on: the household’s key changes, and the new one goes to the others only.",
          "Nothing it writes from now on reaches anybody.",
          "It is told, and can come back by a new invitation only.",
        ]}
        not={[
          "Take back what is on it. Whoever has that device keeps the lists and notes as they are now.",
          sync.status.value.connected
            ? "Reach others that are offline. They hear of it when they are connected again."
            : "Reach the others while this device is offline. They hear of it when it is connected again.",
        ]}
      />
    </Confirm>
  );
}

export function ChangeRoleDialog(): JSX.Element | null {
  const { members } = useHousehold();
  const device = useAskedAbout();
  const [role, setRole] = useState<Role>(device !== null && isRole(device.role) ? device.role : "reader");
  if (device === null) {
    return null;
  }
  const name = device.me ? "this device" : nameOf(device);
  const change = async (): Promise<void> => {
    await members.changeRole(device.id, role);
    tell(device.me ? `This device is a ${roleName(role).toLowerCase()} now.` : `${name}: ${roleName(role)}.`);
  };
  return (
    <Confirm
      title={device.me ? "Change your own role" : `Role of ${name}`}
      testId="role-dialog"
      answer="Change role"
      disabled={role === device.role}
      act={change}
    >
      <RoleChoice legend={`What may ${name} do?`} role={role} onRole={setRole} />
      {device.me && role !== "admin" && <p class="hint">Only another admin can give this device its role back.</p>}
      {!device.me && role === "reader" && device.role !== "reader" && (
        <p class="hint">What it has written and not sent yet waits there, until it may write again.</p>
      )}
    </Confirm>
  );
}

export function HandOverDialog(): JSX.Element | null {
  const { members } = useHousehold();
  const device = useAskedAbout();
  if (device === null) {
    return null;
  }
  const name = nameOf(device);
  const handOver = async (): Promise<void> => {
    await members.handOver(device.id);
    tell(`${name} is admin now, and this device a writer.`);
  };
  return (
    <Confirm title={`Hand over to ${name}?`} testId="hand-over-dialog" answer="Hand over" act={handOver}>
      <p>
        <strong>{name}</strong> becomes an admin, and this device a writer: it goes on reading and writing, and can
        invite and remove nobody any more. Only an admin can change that back.
      </p>
    </Confirm>
  );
}
