// The invitations by which somebody may still join; any admin withdraws any of them.

import type { JSX } from "preact";
import type { InviteInfo } from "ashore";
import { openDialog } from "../model/dialogs.js";
import { now, sayLeft } from "../model/times.js";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Plus, Ticket } from "./icons.js";
import { RoleChip, roleName } from "./role-looks.js";

export function OpenInvites(): JSX.Element {
  const { members } = useHousehold();
  const open = members.openInvites.value.filter((invite) => Number(invite.expiresAt) > now.value);
  return (
    <section class="card" aria-labelledby="invites-heading">
      <div class="card-heading">
        <h2 id="invites-heading">
          Open invitations {open.length > 0 && <span class="card-count">{open.length}</span>}
        </h2>
        <button
          type="button"
          class="button-quiet"
          aria-label="New one: invite a device"
          data-testid="invite-device"
          onClick={() => (openDialog.value = "pair")}
        >
          <Plus /> New one
        </button>
      </div>
      {open.length === 0 ? (
        <p class="card-lead" data-testid="no-invites">
          None. An invitation brings a role, works once, and for ten minutes.
        </p>
      ) : (
        <ul class="members">
          {open.map((invite) => (
            <InviteRow key={invite.id} invite={invite} />
          ))}
        </ul>
      )}
    </section>
  );
}

function InviteRow({ invite }: { readonly invite: InviteInfo }): JSX.Element {
  const { members } = useHousehold();
  const withdraw = async (): Promise<void> => {
    if ((await attempt(members.withdraw(invite.id).then(() => true))) === true) {
      tell(`Withdrawn. Nobody ${invite.approval === true ? "asks" : "joins"} by it any more.`);
    }
  };
  const by = members.find(invite.invitedBy);
  return (
    <li class="member" data-testid="open-invite" data-id={invite.id} data-role={invite.role}>
      <span class="member-sign">
        <Ticket />
      </span>
      <div class="member-words">
        <p class="member-name">
          <strong>{invite.approval === true ? "By link, asks first" : "By code or link"}</strong>
        </p>
        <p class="member-facts">
          <span>Made by {by?.me === true ? "this device" : members.nameOf(invite.invitedBy)}</span>
          <span class="member-left">{sayLeft(Number(invite.expiresAt) - now.value)} left</span>
        </p>
      </div>
      <RoleChip role={invite.role} />
      <div class="member-menu">
        <button
          type="button"
          class="button-quiet"
          aria-label={`Withdraw the invitation of a ${roleName(invite.role).toLowerCase()}`}
          data-testid="withdraw-invite"
          onClick={() => void withdraw()}
        >
          Withdraw
        </button>
      </div>
    </li>
  );
}
