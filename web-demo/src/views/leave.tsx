// Leaving the household, and what must be done before when this device is its only admin.

import type { JSX } from "preact";
import { openDialog } from "../model/dialogs.js";
import { tell } from "../model/toasts.js";
import { Confirm, Effects } from "./confirm.js";
import { useHousehold } from "./context.js";
import { Door } from "./icons.js";

export function LeaveSection(): JSX.Element {
  const { members } = useHousehold();
  const alone = members.devices.value.length < 2;
  const stuck = members.onlyAdmin.value && !alone;
  return (
    <section class="card card-row" aria-labelledby="leave-heading">
      <div>
        <h2 id="leave-heading">Leave the household</h2>
        <p class="card-lead" id="leave-why">
          {stuck
            ? "This device is the only admin. Hand over to another one first, or make another one admin."
            : alone
              ? "Nobody else is in it. Everything stays on this device."
              : "The others go on without this device. Everything that is on it stays on it."}
        </p>
      </div>
      <button
        type="button"
        class="button-quiet"
        disabled={stuck}
        aria-describedby="leave-why"
        data-testid="leave"
        onClick={() => (openDialog.value = "leave")}
      >
        <Door /> Leave
      </button>
    </section>
  );
}

export function LeaveDialog(): JSX.Element {
  const { members, sync } = useHousehold();
  const { connected, pending } = sync.status.value;
  const alone = members.devices.value.length < 2;
  const leave = async (): Promise<void> => {
    await members.leave();
    tell("You have left. Everything is still here.");
  };
  return (
    <Confirm title="Leave the household?" testId="leave-dialog" answer="Leave" no="Stay" grave act={leave}>
      {alone ? (
        <p>Your lists and notes stay here, and sync is off. What the relay keeps, nobody can open any more.</p>
      ) : (
        <Effects
          does={[
            "The others see that this device has left, and change the household’s key.",
            "Your lists and notes stay here, for this device alone, with sync off.",
            "A new invitation brings it back, as a new device.",
          ]}
          not={["Delete what this device has shared. The others keep it."]}
        />
      )}
      {(!connected || pending > 0) && (
        <p class="hint" data-testid="leave-waits">
          {connected
            ? "What waits here is sent first."
            : "There is no connection: the others hear of it, and this device forgets the household, when there is one."}
        </p>
      )}
    </Confirm>
  );
}
