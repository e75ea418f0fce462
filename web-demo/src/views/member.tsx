// One member on the page of the devices: its name, its role, when it came, whether it is here, and what can be done with it.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Device } from "ashore";
import { deviceName } from "../model/device-name.js";
import { askAbout } from "../model/dialogs.js";
import { nameOf, shortId } from "../model/members.js";
import { now, sayDay, sayWhen } from "../model/times.js";
import { useHousehold } from "./context.js";
import { Bin, HandOver, Laptop, More, Pencil, Shield } from "./icons.js";
import { MenuButton, type MenuEntry } from "./menu.js";
import { RenameDevice } from "./rename-device.js";
import { RoleChip } from "./role-looks.js";

export function MemberRow({ device }: { readonly device: Device }): JSX.Element {
  const { members } = useHousehold();
  const [renaming, setRenaming] = useState(false);
  const name = device.me ? device.name || deviceName() : nameOf(device);
  const entries = device.me
    ? entriesOfMine(device, members.mayManage.value, () => setRenaming(true))
    : members.mayManage.value
      ? entriesOfOther(device)
      : [];
  return (
    <li class="member" data-testid="member" data-me={device.me} data-id={device.id} data-role={device.role}>
      <span class="member-sign" data-me={device.me}>
        <Laptop />
      </span>
      <div class="member-words">
        {renaming ? (
          <RenameDevice name={name} onDone={() => setRenaming(false)} />
        ) : (
          <p class="member-name">
            <strong data-testid="member-name">{name}</strong>
            {device.me && <span class="device-me">This device</span>}
          </p>
        )}
        <p class="member-facts">
          <Presence device={device} />
          {device.admittedAt !== undefined && (
            <span data-testid="admitted">Joined {sayDay(device.admittedAt, now.value)}</span>
          )}
          <span class="member-id" title="The beginning of its id: it tells devices of the same name apart">
            {shortId(device.id)}
          </span>
        </p>
      </div>
      <RoleChip role={device.role} />
      <div class="member-menu">
        {entries.length > 0 && (
          <MenuButton label={`Options of ${name}`} testId="member-menu" entries={entries}>
            <More />
          </MenuButton>
        )}
      </div>
    </li>
  );
}

function Presence({ device }: { readonly device: Device }): JSX.Element | null {
  const { company } = useHousehold();
  if (device.me) {
    return null;
  }
  if (company.isHere(device.id)) {
    return (
      <span class="device-here" data-testid="member-here">
        Here now
      </span>
    );
  }
  const last = company.lastHere(device.id);
  return last === null ? null : <span data-testid="member-last-here">Here {sayWhen(last, now.value)}</span>;
}

function entriesOfMine(device: Device, manages: boolean, rename: () => void): MenuEntry[] {
  const entries: MenuEntry[] = [
    { label: "Rename", icon: <Pencil />, testId: "member-rename", act: rename },
    {
      label: "Step down…",
      icon: <Shield />,
      testId: "member-step-down",
      act: () => askAbout(device.id, "change-role"),
    },
  ];
  return manages ? entries : entries.slice(0, 1);
}

function entriesOfOther(device: Device): MenuEntry[] {
  const { id, role } = device;
  const entries: MenuEntry[] = [
    { label: "Change role…", icon: <Shield />, testId: "member-role", act: () => askAbout(id, "change-role") },
    { label: "Hand over to it…", icon: <HandOver />, testId: "member-hand-over", act: () => askAbout(id, "hand-over") },
    { label: "Remove…", icon: <Bin />, testId: "member-remove", act: () => askAbout(id, "remove-device") },
  ];
  return role === "admin" ? entries.filter(({ testId }) => testId !== "member-hand-over") : entries;
}
