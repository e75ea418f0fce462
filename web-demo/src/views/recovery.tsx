// What there is for the day when every device is lost, and what is missing; on the page of the devices, for admins.

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { RecoveryInfo } from "ashore";
import { openDialog } from "../model/dialogs.js";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Key, Sheet } from "./icons.js";

export function RecoveryCard(): JSX.Element {
  const { members, recovery, sync } = useHousehold();
  const [password, phrase] = [recovery.password.value, recovery.phrase.value];
  useEffect(() => void attempt(recovery.load()), [recovery, members.mayManage.value, sync.status.value.cursor]);
  return (
    <section class="card" aria-labelledby="recovery-heading" data-testid="recovery">
      <h2 id="recovery-heading">If all devices are lost</h2>
      <p class="card-lead">
        {password === null && phrase === null
          ? "Then nobody can open what the relay keeps, not even whoever runs it. Keep a way back: a password, 24 words on paper, or both."
          : "A new device comes back with one of these, as an admin, and has everything that the relay keeps."}
      </p>
      <ul class="members">
        <Way
          icon={<Key />}
          name="A password"
          way={password}
          missing="To be remembered, or kept in a password manager."
          testId="password"
          make="Set a password"
          again="Change it"
          onMake={() => (openDialog.value = "set-password")}
        />
        <Way
          icon={<Sheet />}
          name="24 words on paper"
          way={phrase}
          missing="To be written down and kept where papers are kept."
          testId="phrase"
          make="Write down 24 words"
          again="Make new ones"
          onMake={() => (openDialog.value = "phrase")}
        />
      </ul>
    </section>
  );
}

type WayProps = {
  readonly icon: JSX.Element;
  readonly name: string;
  readonly way: RecoveryInfo | null;
  readonly missing: string;
  readonly testId: string;
  readonly make: string;
  readonly again: string;
  readonly onMake: () => void;
};

function Way({ icon, name, way, missing, testId, make, again, onMake }: WayProps): JSX.Element {
  const { members, recovery } = useHousehold();
  const remove = async (id: string): Promise<void> => {
    if ((await attempt(recovery.remove(id).then(() => true))) === true) {
      tell("Removed. Nobody comes back by it any more.");
    }
  };
  const by = way === null ? null : members.find(way.madeBy);
  return (
    <li class="member request" data-testid={`way-${testId}`} data-set={way !== null}>
      <span class="member-sign" data-me={way !== null}>
        {icon}
      </span>
      <div class="member-words">
        <p class="member-name">
          <strong>{name}</strong>
          {way !== null && <span class="device-me">Set</span>}
        </p>
        <p class="member-facts">
          {way === null ? (
            <span>{missing}</span>
          ) : (
            <>
              {way.locator !== null && (
                <span>
                  Found by <span class="member-id">{way.locator}</span>
                </span>
              )}
              <span>
                Made by {by?.me === true ? "this device" : members.nameOf(way.madeBy)}; ends when that is removed
              </span>
            </>
          )}
        </p>
      </div>
      <div class="request-answers">
        {way !== null && (
          <button
            type="button"
            class="button-quiet"
            aria-label={`Remove: ${name}`}
            data-testid={`remove-${testId}`}
            onClick={() => void remove(way.id)}
          >
            Remove
          </button>
        )}
        <button type="button" class="button-quiet" data-testid={`make-${testId}`} onClick={onMake}>
          {way === null ? make : again}
        </button>
      </div>
    </li>
  );
}
