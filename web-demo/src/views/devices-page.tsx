// The page of the household's devices: who is in, with which role, who is invited, and what an admin can change.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { openDialog } from "../model/dialogs.js";
import { addresses } from "../model/route.js";
import { useClock } from "../model/times.js";
import { attempt } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { HouseholdKey } from "./household-key.js";
import { Back, Phones } from "./icons.js";
import { OpenInvites } from "./open-invites.js";
import { LeaveSection } from "./leave.js";
import { MemberRow } from "./member.js";
import { OwnRequestCard } from "./own-request.js";
import { RecoveryCard } from "./recovery.js";
import { RemovedHere } from "./removed.js";
import { TicketButton, WaitingRequests } from "./requests.js";

export function DevicesPage(): JSX.Element {
  const { members, requests, sync } = useHousehold();
  const { group, cursor, connected } = sync.status.value;
  const waits = requests.own.value?.state === "pending";
  useClock();
  useEffect(() => {
    document.title = "Devices · Saltbox";
    return () => void (document.title = "Saltbox");
  }, []);
  // Invites have no event of their own: they come and go with the log.
  useEffect(() => void attempt(members.load()), [members, group, cursor]);
  // The relay keeps the requests of others: without it there are none to be shown.
  const asks = connected && members.mayManage.value;
  useEffect(() => {
    if (asks) {
      void attempt(requests.loadWaiting());
    }
  }, [requests, asks]);
  return (
    <div class="devices-page" data-testid="devices-page">
      <header class="devices-head">
        <a class="button-plain narrow-only" href={addresses.home} aria-label="Back to home">
          <Back />
        </a>
        <h1>Devices</h1>
      </header>
      <OwnRequestCard />
      {members.removed.value ? <RemovedHere /> : group === null ? !waits && <Alone /> : <Together />}
    </div>
  );
}

function Together(): JSX.Element {
  const { members } = useHousehold();
  const manages = members.mayManage.value;
  const count = members.devices.value.length;
  return (
    <>
      <section class="card" aria-labelledby="members-heading">
        <h2 id="members-heading">
          In the household <span class="card-count">{count}</span>
        </h2>
        <p class="card-lead">
          {manages
            ? "Everything is sealed so that these devices can open it, and nobody else."
            : "Everything is sealed so that these devices can open it, and nobody else. Admins invite, remove and change roles."}
        </p>
        <ul class="members">
          {members.devices.value.map((device) => (
            <MemberRow key={device.id} device={device} />
          ))}
        </ul>
      </section>
      {manages ? <WaitingRequests /> : <AskForOthers />}
      {manages && <OpenInvites />}
      {manages && <RecoveryCard />}
      {manages && <HouseholdKey />}
      <LeaveSection />
    </>
  );
}

/** Who may not invite may still tell others where to ask. */
function AskForOthers(): JSX.Element {
  return (
    <section class="card card-row" aria-labelledby="ask-for-heading">
      <div>
        <h2 id="ask-for-heading">Somebody wants to join?</h2>
        <p class="card-lead">Show a ticket: whoever has it may ask, and an admin decides.</p>
      </div>
      <TicketButton />
    </section>
  );
}

function Alone(): JSX.Element {
  const { sync } = useHousehold();
  // A household was here, and the relay keeps a way back into it.
  const remote = sync.status.value.remote === true;
  return (
    <section class="card card-alone" data-testid="devices-alone">
      <Phones class="card-sign" />
      <h2>Only this device so far</h2>
      <p class="card-lead">
        What you write stays here until you pair another device. Then each of them has all of it, sealed on its way, and
        works without the others.
      </p>
      <div class="card-foot">
        <button
          type="button"
          class="button-strong"
          data-testid="alone-pair"
          onClick={() => (openDialog.value = "pair")}
        >
          <Phones /> Pair a device
        </button>
        <button type="button" class="button-quiet" data-testid="alone-join" onClick={() => (openDialog.value = "join")}>
          I have a code
        </button>
        <button type="button" class="button-quiet" data-testid="alone-ask" onClick={() => (openDialog.value = "ask")}>
          I have a ticket
        </button>
        <button
          type="button"
          class="button-quiet"
          data-testid="alone-recover"
          data-remote={remote}
          onClick={() => (openDialog.value = "recover")}
        >
          {remote ? "Bring the household back" : "My devices are lost"}
        </button>
      </div>
    </section>
  );
}
