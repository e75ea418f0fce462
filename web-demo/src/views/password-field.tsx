// A field for a password, which can be shown: a long one is easier typed when it is seen.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

type Props = {
  readonly label: string;
  readonly hint?: string;
  /** It is being chosen, not asked for: password managers offer one. */
  readonly isNew?: boolean;
  readonly testId: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
};

export function PasswordField({ label, hint, isNew = false, testId, value, onValue }: Props): JSX.Element {
  const [shown, setShown] = useState(false);
  return (
    <div class="password-field">
      <label class="field">
        <span>{label}</span>
        <input
          // Shown, it is still a password for whoever fills it in.
          type={(shown ? "text" : "password") as "password"}
          autocomplete={isNew ? "new-password" : "current-password"}
          autocapitalize="off"
          spellcheck={false}
          data-testid={testId}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
        {hint !== undefined && <span class="hint">{hint}</span>}
      </label>
      <button
        type="button"
        class="button-link"
        aria-pressed={shown}
        data-testid={`${testId}-show`}
        onClick={() => setShown(!shown)}
      >
        {shown ? "Hide it" : "Show it"}
      </button>
    </div>
  );
}
