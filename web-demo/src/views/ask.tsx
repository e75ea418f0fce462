// Asking to be let into somebody's household, from a link that was opened. Nothing is sent before it is confirmed.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Role } from "ashore";
import { isInvite } from "../model/requests.js";
import { addresses, goTo, offeredTicket } from "../model/route.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { EntryForm, useEntry } from "./entry-form.js";
import { RolePicker } from "./role-looks.js";

export function AskDialog(): JSX.Element {
  const { lists, members, notes, requests, sync } = useHousehold();
  const entry = useEntry();
  const [link, setLink] = useState(offeredTicket.value ?? "");
  const [offered] = useState(offeredTicket.value !== null);
  const [role, setRole] = useState<Role>("writer");
  useEffect(() => () => void (offeredTicket.value = null), []);
  const has = lists.all.value.length + notes.all.value.length > 0;
  // An invitation says itself what it is for.
  const invited = isInvite(link);
  const ask = async (): Promise<void> => {
    if (members.removed.value) {
      // A device that was removed comes back as a new one.
      await sync.forget();
    }
    await requests.ask(link, invited ? null : role);
  };
  return (
    <Dialog title="Ask to join a household" testId="ask-dialog">
      <p class="dialog-lead">
        {invited && "You are invited. "}An admin sees the name of this device and lets it in, or not. You are shown six
        words to compare meanwhile.
      </p>
      <EntryForm
        entry={entry}
        testId="ask"
        answer={["Ask", "One moment…"]}
        ready={link.trim() !== ""}
        onEnter={() => void entry.enter(ask, () => goTo(addresses.devices))}
        below={
          <>
            {!invited && <RolePicker legend="You would like to be" role={role} onRole={setRole} />}
            {has && <p class="hint">What is on this device now joins the household too, once it is let in.</p>}
          </>
        }
      >
        {!offered && (
          <label class="field">
            <span>The ticket’s link</span>
            <input
              type="text"
              inputMode="url"
              autocomplete="off"
              autofocus
              data-testid="ask-link"
              value={link}
              onInput={(event) => setLink(event.currentTarget.value)}
            />
          </label>
        )}
      </EntryForm>
    </Dialog>
  );
}
