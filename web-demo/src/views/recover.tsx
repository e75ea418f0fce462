// Coming back on a new device when all others are lost: with the password, or with the 24 words.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { RecoverBy } from "ashore";
import { phraseWords } from "../model/recovery.js";
import { addresses, goTo } from "../model/route.js";
import { tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { EntryForm, useEntry } from "./entry-form.js";
import { PasswordField } from "./password-field.js";

type Kind = "password" | "words";

export function RecoverDialog(): JSX.Element {
  const { recovery, sync } = useHousehold();
  const [kind, setKind] = useState<Kind>("password");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [words, setWords] = useState("");
  const entry = useEntry();
  const typed = words.split(/\s+/).filter((word) => word !== "");
  const ready = kind === "password" ? name.trim() !== "" && password !== "" : typed.length === phraseWords;
  const by: RecoverBy =
    kind === "password" ? { locator: name.trim(), password } : { words: typed.map((word) => word.toLowerCase()) };
  return (
    <Dialog title="Bring a household back" testId="recover-dialog">
      <p class="dialog-lead">
        For when its devices are lost. This one joins as a new device and an admin; remove the lost ones afterwards.
      </p>
      <EntryForm
        entry={entry}
        testId="recover"
        nameLabel="What this device is called"
        answer={["Bring it back", "Bringing it back…"]}
        ready={ready}
        onEnter={() => void entry.enter(() => recovery.recover(by, sync.relay), isBack)}
      >
        <KindChoice kind={kind} onKind={setKind} />
        {kind === "password" ? (
          <>
            <label class="field">
              <span>Found by</span>
              <input
                type="text"
                autocomplete="username"
                autocapitalize="off"
                spellcheck={false}
                placeholder="Your mail address, or XXXX-XXXX-XXXX-XXXX"
                data-testid="recover-name"
                value={name}
                onInput={(event) => setName(event.currentTarget.value)}
              />
            </label>
            <PasswordField label="Password" testId="recover-password" value={password} onValue={setPassword} />
          </>
        ) : (
          <label class="field">
            <span>The {phraseWords} words</span>
            <textarea
              class="words-field"
              rows={5}
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              data-testid="recover-words"
              value={words}
              onInput={(event) => setWords(event.currentTarget.value)}
            />
            <span class="hint" aria-live="polite">
              {typed.length} of {phraseWords}, in their order, with spaces between
            </span>
          </label>
        )}
      </EntryForm>
    </Dialog>
  );
}

function isBack(): void {
  goTo(addresses.home);
  tell("You are back. The household’s lists and notes are on their way.");
}

const kinds: readonly (readonly [Kind, string])[] = [
  ["password", "Password"],
  ["words", "24 words"],
];

function KindChoice({ kind, onKind }: { readonly kind: Kind; readonly onKind: (kind: Kind) => void }): JSX.Element {
  return (
    <fieldset class="choice">
      <legend>What you have</legend>
      <div class="role-segments role-segments-two">
        {kinds.map(([one, label]) => (
          <label key={one} class="role-segment">
            <input
              type="radio"
              name="recover-kind"
              checked={one === kind}
              data-testid={`recover-by-${one}`}
              onChange={() => onKind(one)}
            />
            {label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
