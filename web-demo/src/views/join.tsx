// Joining somebody's household with a code: typed, or from a link that was opened. Nothing happens before it is confirmed.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { deviceName, rememberDeviceName } from "../model/device-name.js";
import { closeDialog } from "../model/dialogs.js";
import { addresses, goTo, offeredInvite } from "../model/route.js";
import { sentenceFor, sentenceOf, type Problem } from "../model/problems.js";
import { tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";

export function JoinDialog(): JSX.Element {
  const { sync, members, lists, notes } = useHousehold();
  const removed = members.removed.value;
  const offered = offeredInvite.value;
  const [code, setCode] = useState(offered ?? "");
  const [name, setName] = useState(deviceName());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => () => void (offeredInvite.value = null), []);
  const has = lists.all.value.length + notes.all.value.length > 0;
  const join = async (leaveFirst: boolean): Promise<void> => {
    if (leaveFirst && !isWhole(code)) {
      // Nothing is forgotten for a slip of the finger.
      setProblem(sentenceOf({ code: "invite.bad-code", message: "" }));
      return;
    }
    setBusy(true);
    setProblem(null);
    rememberDeviceName(name.trim() || deviceName());
    try {
      if (leaveFirst) {
        await sync.forget();
      }
      await sync.join(code);
      closeDialog();
      goTo(addresses.home);
      tell("You are in. The household’s lists and notes are on their way.");
    } catch (error) {
      setProblem(sentenceFor(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Join a household" testId="join-dialog">
      <p class="dialog-lead">
        {offered === null
          ? "On a device that is in already, choose “Pair a device” and enter its code here."
          : "A link invites this device into a household. Join only if you know who sent it."}
      </p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          // A device that was removed comes back as a new one.
          void join(removed);
        }}
      >
        <label class="field">
          <span>Pairing code</span>
          <input
            type="text"
            class="code-field"
            autofocus={offered === null}
            autocomplete="off"
            autocapitalize="characters"
            spellcheck={false}
            placeholder="XXXX-XXXX-XXXX-XXXX"
            aria-invalid={problem !== null}
            aria-describedby={problem === null ? undefined : "join-problem"}
            data-testid="join-code"
            value={code}
            onInput={(event) => setCode(event.currentTarget.value)}
            onBlur={() => setCode(groupCode(code))}
          />
        </label>
        <label class="field">
          <span>What the others call this device</span>
          <input
            type="text"
            maxLength={60}
            autocomplete="off"
            data-testid="join-device-name"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        {has && (
          <p class="hint">
            {removed
              ? "This device forgets that it was removed and joins as a new one. What is on it now goes along."
              : "What is on this device now joins the household too."}
          </p>
        )}
        {problem !== null && (
          <p class="field-problem" role="alert" id="join-problem" data-testid="join-problem" data-code={problem.code}>
            {problem.text}
          </p>
        )}
        <div class="form-foot">
          <button type="button" class="button-quiet" onClick={closeDialog}>
            Not now
          </button>
          {problem?.code === "group.already-joined" && (
            <button
              type="button"
              class="button-quiet"
              disabled={busy}
              data-testid="leave-and-join"
              onClick={() => void join(true)}
            >
              Leave it and join this one
            </button>
          )}
          <button
            type="submit"
            class="button-strong"
            autofocus={offered !== null}
            disabled={busy || code.trim() === ""}
            data-testid="join"
          >
            {busy ? "Joining…" : "Join"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A code, or a link that holds one. */
function isWhole(typed: string): boolean {
  return /[0-9A-Z]{4}([\s-]?[0-9A-Z]{4}){3}/i.test(typed);
}

/** Groups of four, as the code is shown; anything else (a link) is left as it is. */
function groupCode(typed: string): string {
  const plain = typed.replace(/[\s-]/g, "").toUpperCase();
  return /^[0-9A-Z]{16}$/.test(plain) ? (plain.match(/.{4}/g) ?? []).join("-") : typed.trim();
}
