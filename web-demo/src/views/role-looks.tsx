// The three roles: what each is called, looks like and may do. One place for chips, choices and sentences.

import type { JSX } from "preact";
import { useId } from "preact/hooks";
import type { Role } from "ashore";
import { roles } from "../model/members.js";
import { Eye, Pencil, Shield } from "./icons.js";

type Look = { readonly name: string; readonly icon: () => JSX.Element; readonly may: string };

export const roleLooks: Readonly<Record<Role, Look>> = {
  admin: {
    name: "Admin",
    icon: () => <Shield />,
    may: "Reads and writes; invites and removes devices, and changes their roles. For devices of your own.",
  },
  writer: {
    name: "Writer",
    icon: () => <Pencil />,
    may: "Reads and writes lists and notes. For those you share with.",
  },
  reader: { name: "Reader", icon: () => <Eye />, may: "Reads along, and changes nothing." },
};

/** A role as a newer version may name it is shown by its name. */
export function roleName(role: string): string {
  return isRole(role) ? roleLooks[role].name : role;
}

export function RoleChip({ role }: { readonly role: string }): JSX.Element {
  return (
    <span class="role-chip" data-role={role} data-testid="role">
      {isRole(role) && roleLooks[role].icon()}
      {roleName(role)}
    </span>
  );
}

type ChoiceProps = {
  readonly legend: string;
  readonly role: Role;
  readonly disabled?: boolean;
  readonly onRole: (role: Role) => void;
};

/** The choice with what each role may do. */
export function RoleChoice({ legend, role, disabled = false, onRole }: ChoiceProps): JSX.Element {
  const name = useId();
  return (
    <fieldset class="choice" disabled={disabled}>
      <legend>{legend}</legend>
      <div class="role-choices">
        {roles.map((one) => (
          <label key={one} class="role-choice">
            <input
              type="radio"
              name={name}
              checked={one === role}
              data-testid={`role-${one}`}
              onChange={() => onRole(one)}
            />
            {roleLooks[one].icon()}
            <span class="role-choice-words">
              <strong>{roleLooks[one].name}</strong>
              <span>{roleLooks[one].may}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

type PickerProps = { readonly role: Role; readonly legend?: string; readonly onRole: (role: Role) => void };

/** The choice in one line, with what the chosen role may do below. */
export function RolePicker({ role, legend = "It joins as", onRole }: PickerProps): JSX.Element {
  const [name, hint] = [useId(), useId()];
  return (
    <fieldset class="choice role-picker" aria-describedby={hint}>
      <legend>{legend}</legend>
      <div class="role-segments">
        {roles.map((one) => (
          <label key={one} class="role-segment">
            <input
              type="radio"
              name={name}
              checked={one === role}
              data-testid={`invite-as-${one}`}
              onChange={() => onRole(one)}
            />
            {roleLooks[one].icon()}
            {roleLooks[one].name}
          </label>
        ))}
      </div>
      <p class="hint" id={hint} aria-live="polite">
        {roleLooks[role].may}
      </p>
    </fieldset>
  );
}

export function isRole(role: string): role is Role {
  return role in roleLooks;
}
