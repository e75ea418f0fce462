// Coming back on a new device when all others are lost: with the password, or with the 24 words.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { RecoverBy } from "ashore";
import { deviceName, rememberDeviceName } from "../model/device-name.js";
import { closeDialog } from "../model/dialogs.js";
import { sentenceFor, type Problem } from "../model/problems.js";
import { phraseWords } from "../model/recovery.js";
import { addresses, goTo } from "../model/route.js";
import { tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { PasswordField } from "./password-field.js";

type Kind = "password" | "words";

export function RecoverDialog(): JSX.Element {
  const { recovery, sync } = useHousehold();
  const [kind, setKind] = useState<Kind>("password");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [words, setWords] = useState("");
  const [device, setDevice] = useState(deviceName());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const typed = words.split(/\s+/).filter((word) => word !== "");
  const ready = kind === "password" ? name.trim() !== "" && password !== "" : typed.length === phraseWords;
  const by: RecoverBy =
    kind === "password" ? { locator: name.trim(), password } : { words: typed.map((word) => word.toLowerCase()) };
  const recover = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    rememberDeviceName(device.trim() || deviceName());
    try {
      await recovery.recover(by, sync.relay);
      closeDialog();
      goTo(addresses.home);
      tell("You are back. The household’s lists and notes are on their way.");
    } catch (error) {
      setProblem(sentenceFor(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Bring a household back" testId="recover-dialog">
      <p class="dialog-lead">
        For when its devices are lost. This one joins as a new device and an admin; remove the lost ones afterwards.
      </p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void recover();
        }}
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
        <label class="field">
          <span>What this device is called</span>
          <input
            type="text"
            maxLength={60}
            autocomplete="off"
            data-testid="recover-device-name"
            value={device}
            onInput={(event) => setDevice(event.currentTarget.value)}
          />
        </label>
        {problem !== null && (
          <p class="field-problem" role="alert" data-testid="recover-problem" data-code={problem.code}>
            {problem.text}
          </p>
        )}
        <div class="form-foot">
          <button type="button" class="button-quiet" onClick={closeDialog}>
            Not now
          </button>
          <button type="submit" class="button-strong" disabled={busy || !ready} data-testid="recover">
            {busy ? "Bringing it back…" : "Bring it back"}
          </button>
        </div>
      </form>
    </Dialog>
  );
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
