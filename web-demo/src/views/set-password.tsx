// Setting or changing the password that brings the household back, and the code that it is found by when it has no name.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { closeDialog } from "../model/dialogs.js";
import { sentenceFor, type Problem } from "../model/problems.js";
import { tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { CopyButton } from "./copy-button.js";
import { Dialog } from "./dialog.js";
import { PasswordField } from "./password-field.js";

export function SetPasswordDialog(): JSX.Element {
  const { recovery } = useHousehold();
  const [before] = useState(recovery.password.value);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [code, setCode] = useState<string | null>(null);
  const save = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      if (before !== null && name.trim() === "") {
        await recovery.changePassword(password);
      } else {
        const found = await recovery.setPassword(password, name);
        if (name.trim() === "") {
          setCode(found);
          return;
        }
      }
      closeDialog();
      tell("The password is set. Keep it where you find it without your devices.");
    } catch (error) {
      setProblem(sentenceFor(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={before === null ? "Set a password" : "Change the password"} testId="set-password-dialog">
      {code !== null ? (
        <FoundByCode code={code} />
      ) : (
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <p class="dialog-lead">
            Whoever has it can join as an admin. Whoever runs the relay can try to guess it without being noticed, so
            take four words that do not belong together.
          </p>
          <label class="field">
            <span>Found by</span>
            <input
              type="text"
              autocomplete="username"
              autocapitalize="off"
              spellcheck={false}
              placeholder={before?.locator ?? "you@example.org"}
              data-testid="password-name"
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
            <span class="hint">
              {before === null
                ? "A name that you will know, such as your mail address. Left empty, you get a code to write down."
                : "Left empty, it stays as it is."}
            </span>
          </label>
          <PasswordField
            label="Password"
            hint="At least 10 characters, 5 of them different."
            isNew
            testId="new-password"
            value={password}
            onValue={setPassword}
          />
          {problem !== null && (
            <p class="field-problem" role="alert" data-testid="password-problem" data-code={problem.code}>
              {problem.text}
            </p>
          )}
          <div class="form-foot">
            <button type="button" class="button-quiet" onClick={closeDialog}>
              Cancel
            </button>
            <button type="submit" class="button-strong" disabled={busy || password === ""} data-testid="save-password">
              {busy ? "Setting it…" : before === null ? "Set the password" : "Change the password"}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function FoundByCode({ code }: { readonly code: string }): JSX.Element {
  return (
    <div class="invite" role="status" data-testid="password-code">
      <p>The password is set. Write this code down with it: a new device needs both.</p>
      <output class="invite-code" aria-label="Code that the password is found by">
        {code}
      </output>
      <div class="invite-actions">
        <CopyButton what="code" text={code} />
        <button type="button" class="button-strong" data-testid="password-done" onClick={closeDialog}>
          I have it
        </button>
      </div>
    </div>
  );
}
