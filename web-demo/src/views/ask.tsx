// Asking to be let into somebody's household, from a link that was opened. Nothing is sent before it is confirmed.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Role } from "ashore";
import { deviceName, rememberDeviceName } from "../model/device-name.js";
import { closeDialog } from "../model/dialogs.js";
import { sentenceFor, type Problem } from "../model/problems.js";
import { addresses, goTo, offeredTicket } from "../model/route.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { RolePicker } from "./role-looks.js";

export function AskDialog(): JSX.Element {
  const { lists, members, notes, requests, sync } = useHousehold();
  const [link, setLink] = useState(offeredTicket.value ?? "");
  const [offered] = useState(offeredTicket.value !== null);
  const [name, setName] = useState(deviceName());
  const [role, setRole] = useState<Role>("writer");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => () => void (offeredTicket.value = null), []);
  const has = lists.all.value.length + notes.all.value.length > 0;
  const ask = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    rememberDeviceName(name.trim() || deviceName());
    try {
      if (members.removed.value) {
        // A device that was removed comes back as a new one.
        await sync.forget();
      }
      await requests.ask(link, role);
      closeDialog();
      goTo(addresses.devices);
    } catch (error) {
      setProblem(sentenceFor(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Ask to join a household" testId="ask-dialog">
      <p class="dialog-lead">
        An admin sees the name of this device and lets it in, or not. You are shown six words to compare meanwhile.
      </p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
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
        <label class="field">
          <span>What the others call this device</span>
          <input
            type="text"
            maxLength={60}
            autocomplete="off"
            data-testid="ask-device-name"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <RolePicker legend="You would like to be" role={role} onRole={setRole} />
        {has && <p class="hint">What is on this device now joins the household too, once it is let in.</p>}
        {problem !== null && (
          <p class="field-problem" role="alert" data-testid="ask-problem" data-code={problem.code}>
            {problem.text}
          </p>
        )}
        <div class="form-foot">
          <button type="button" class="button-quiet" onClick={closeDialog}>
            Not now
          </button>
          <button type="submit" class="button-strong" disabled={busy || link.trim() === ""} data-testid="ask">
            {busy ? "One moment…" : "Ask"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
