// Who asks to be let in, and the admin's answer: yes with a role, after the words were compared, or no.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { JoinRequestInfo, Role } from "ashore";
import { askAbout, dialogDevice, openDialog } from "../model/dialogs.js";
import { shortId } from "../model/members.js";
import { addresses } from "../model/route.js";
import { now, sayWhen } from "../model/times.js";
import { attempt, tell } from "../model/toasts.js";
import { Confirm } from "./confirm.js";
import { useHousehold } from "./context.js";
import { Check, Hourglass, Link } from "./icons.js";
import { isRole, RoleChoice, roleName } from "./role-looks.js";
import { Words } from "./words.js";

/** On the page of the devices, for admins. */
export function WaitingRequests(): JSX.Element {
  const waiting = useHousehold().requests.waiting.value;
  return (
    <section class="card" aria-labelledby="requests-heading">
      <div class="card-heading">
        <h2 id="requests-heading">
          Waiting to be let in {waiting.length > 0 && <span class="card-count">{waiting.length}</span>}
        </h2>
        <TicketButton />
      </div>
      {waiting.length === 0 ? (
        <p class="card-lead" data-testid="no-requests">
          Nobody. A ticket lets nobody in by itself: whoever has it may ask, and you decide here.
        </p>
      ) : (
        <ul class="members">
          {waiting.map((request) => (
            <RequestRow key={request.device} request={request} />
          ))}
        </ul>
      )}
    </section>
  );
}

export function TicketButton(): JSX.Element {
  return (
    <button type="button" class="button-quiet" data-testid="show-ticket" onClick={() => (openDialog.value = "ticket")}>
      <Link /> Show a ticket
    </button>
  );
}

function RequestRow({ request }: { readonly request: JoinRequestInfo }): JSX.Element {
  const { requests } = useHousehold();
  const name = request.name || "A device without a name";
  const reject = async (): Promise<void> => {
    if ((await attempt(requests.reject(request.device).then(() => true))) === true) {
      tell(`${name} was turned away.`);
    }
  };
  return (
    <li class="member request" data-testid="request" data-id={request.device}>
      <span class="member-sign">
        <Hourglass />
      </span>
      <div class="member-words">
        <p class="member-name">
          <strong data-testid="request-name">{name}</strong>
        </p>
        <p class="member-facts">
          <span>
            Asked {sayWhen(request.askedAt, now.value)} to be a {roleName(request.role).toLowerCase()}
          </span>
          {request.invite !== undefined && <span data-testid="request-invite">Has an invitation</span>}
          <span class="member-id">{shortId(request.device)}</span>
        </p>
      </div>
      <div class="request-answers">
        <button
          type="button"
          class="button-quiet"
          aria-label={`Turn away ${name}`}
          data-testid="reject"
          onClick={() => void reject()}
        >
          Turn away
        </button>
        <button
          type="button"
          class="button-strong"
          aria-label={`Let in ${name}…`}
          data-testid="approve"
          onClick={() => askAbout(request.device, "approve")}
        >
          Let in…
        </button>
      </div>
    </li>
  );
}

export function ApproveDialog(): JSX.Element | null {
  const { requests } = useHousehold();
  // As it was when the dialog opened: it is gone from the list while the dialog closes.
  const [request] = useState(() => requests.find(dialogDevice.value));
  const [role, setRole] = useState<Role>(request !== null && isRole(request.role) ? request.role : "writer");
  const [same, setSame] = useState(false);
  if (request === null) {
    return null;
  }
  const name = request.name || "this device";
  const approve = async (): Promise<void> => {
    await requests.approve(request.device, role);
    tell(`${name} is in, as ${roleName(role).toLowerCase()}.`);
  };
  return (
    <Confirm title={`Let ${name} in?`} testId="approve-dialog" answer="Let in" disabled={!same} act={approve}>
      {request.words.length > 0 ? (
        <div>
          <p class="words-lead">
            A name proves nothing: whoever asks chooses it. Compare these words with those on its screen.
          </p>
          <Words words={request.words} label="Words to compare" testId="request-words" />
          <label class="same-words">
            <span class="tick">
              <input
                type="checkbox"
                class="tick-box"
                checked={same}
                data-testid="same-words"
                onChange={(event) => setSame(event.currentTarget.checked)}
              />
              <Check class="tick-mark" />
            </span>
            <span>Its screen shows the same six words, in this order</span>
          </label>
        </div>
      ) : (
        <p class="field-problem">The words could not be worked out on this device. Let it in from another one.</p>
      )}
      <RoleChoice legend={`${name} becomes`} role={role} onRole={setRole} />
    </Confirm>
  );
}

/** At the top of every other page, for admins. */
export function RequestsNotice(): JSX.Element | null {
  const { members, requests } = useHousehold();
  const waiting = requests.waiting.value;
  if (!members.mayManage.value || waiting.length === 0) {
    return null;
  }
  const first = waiting[0]?.name || "A device";
  return (
    <div class="notice" role="status" data-testid="requests-notice">
      <Hourglass />
      <p>{waiting.length === 1 ? `${first} asks to be let in.` : `${waiting.length} devices ask to be let in.`}</p>
      <a class="button-quiet" href={addresses.devices}>
        Decide
      </a>
    </div>
  );
}
