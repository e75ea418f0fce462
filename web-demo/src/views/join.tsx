// Joining somebody's household with a code: typed, or from a link that was opened. Nothing happens before it is confirmed.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { isTauri } from "ashore/tauri";
import { appLink } from "../model/links.js";
import { sentenceOf } from "../model/problems.js";
import { offeredRelay } from "../model/relay.js";
import { isTicket } from "../model/requests.js";
import { addresses, goTo, offeredInvite } from "../model/route.js";
import { tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { EntryForm, useEntry } from "./entry-form.js";

export function JoinDialog(): JSX.Element {
  const { sync, members, lists, notes } = useHousehold();
  const removed = members.removed.value;
  const offered = offeredInvite.value;
  const [code, setCode] = useState(offered ?? "");
  const entry = useEntry();
  const { busy, problem } = entry;
  // A link may come while the dialog is open already.
  useEffect(() => void (offered !== null && setCode(offered)), [offered]);
  useEffect(() => () => void (offeredInvite.value = offeredRelay.value = null), []);
  const has = lists.all.value.length + notes.all.value.length > 0;
  const join = (leaveFirst: boolean): void => {
    if (leaveFirst && !isWhole(code)) {
      // Nothing is forgotten for a slip of the finger.
      entry.refuse(sentenceOf({ code: "invite.bad-code", message: "" }));
      return;
    }
    let asks = false;
    const come = async (): Promise<void> => {
      if (leaveFirst) {
        await sync.forget();
      }
      asks = await sync.join(code);
    };
    void entry.enter(come, () => {
      goTo(asks ? addresses.devices : addresses.home);
      tell(asks ? "Asked. An admin decides." : "You are in. The household’s lists and notes are on their way.");
    });
  };
  return (
    <Dialog title="Join a household" testId="join-dialog">
      <p class="dialog-lead">
        {offered === null
          ? "On a device that is in already, choose “Pair a device” and enter its code here."
          : "A link invites this device into a household. Join only if you know who sent it."}
      </p>
      {offered !== null && !isTauri() && (
        <p class="hint">
          Is Saltbox an app on this computer?{" "}
          <a href={appLink(sync.relay, `#join=${offered}`)} data-testid="open-in-app">
            Open it there
          </a>
        </p>
      )}
      <EntryForm
        entry={entry}
        testId="join"
        answer={["Join", "Joining…"]}
        ready={code.trim() !== ""}
        autofocus={offered !== null}
        // A device that was removed comes back as a new one.
        onEnter={() => join(removed)}
        below={
          has && (
            <p class="hint">
              {removed
                ? "This device forgets that it was removed and joins as a new one. What is on it now goes along."
                : "What is on this device now joins the household too."}
            </p>
          )
        }
        other={
          problem?.code === "group.already-joined" && (
            <button
              type="button"
              class="button-quiet"
              disabled={busy}
              data-testid="leave-and-join"
              onClick={() => join(true)}
            >
              Leave it and join this one
            </button>
          )
        }
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
      </EntryForm>
    </Dialog>
  );
}

/** A code, or a link that holds one. */
function isWhole(typed: string): boolean {
  return isTicket(typed) || /[0-9A-Z]{4}([\s-]?[0-9A-Z]{4}){3}/i.test(typed);
}

/** Groups of four, as the code is shown; anything else (a link) is left as it is. */
function groupCode(typed: string): string {
  const plain = typed.replace(/[\s-]/g, "").toUpperCase();
  return /^[0-9A-Z]{16}$/.test(plain) ? (plain.match(/.{4}/g) ?? []).join("-") : typed.trim();
}
