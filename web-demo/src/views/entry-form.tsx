// The form by which a device comes into a household, asked, invited or brought back: its name, what went wrong, and the buttons are the same.

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { deviceName, rememberDeviceName } from "../model/device-name.js";
import { closeDialog } from "../model/dialogs.js";
import { sentenceFor, type Problem } from "../model/problems.js";

/** Where coming in stands. */
export interface Entry {
  readonly name: string;
  readonly setName: (name: string) => void;
  readonly busy: boolean;
  readonly problem: Problem | null;
  /** What was typed cannot be meant. */
  readonly refuse: (problem: Problem) => void;
  /** Comes in under that name: closes the dialog, then does what is left; or says why not. */
  readonly enter: (come: () => Promise<unknown>, then: () => void) => Promise<void>;
}

export function useEntry(): Entry {
  const [name, setName] = useState(deviceName());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const enter = async (come: () => Promise<unknown>, then: () => void): Promise<void> => {
    setBusy(true);
    setProblem(null);
    rememberDeviceName(name.trim() || deviceName());
    try {
      await come();
      closeDialog();
      then();
    } catch (error) {
      setProblem(sentenceFor(error));
      setBusy(false);
    }
  };
  return { name, setName, busy, problem, refuse: setProblem, enter };
}

type Props = {
  readonly entry: Entry;
  /** What the test ids begin with, and the button's. */
  readonly testId: string;
  readonly nameLabel?: string;
  /** What the button says, and while it is at it. */
  readonly answer: readonly [string, string];
  readonly ready: boolean;
  readonly autofocus?: boolean;
  readonly onEnter: () => void;
  /** Between the name and what went wrong. */
  readonly below?: ComponentChildren;
  /** Another answer, beside the buttons. */
  readonly other?: ComponentChildren;
  /** What is typed or chosen before the name. */
  readonly children: ComponentChildren;
};

export function EntryForm(props: Props): JSX.Element {
  const { entry, testId, nameLabel = "What the others call this device", answer, ready, autofocus = false } = props;
  const { busy, problem } = entry;
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        props.onEnter();
      }}
    >
      {props.children}
      <label class="field">
        <span>{nameLabel}</span>
        <input
          type="text"
          maxLength={60}
          autocomplete="off"
          data-testid={`${testId}-device-name`}
          value={entry.name}
          onInput={(event) => entry.setName(event.currentTarget.value)}
        />
      </label>
      {props.below}
      {problem !== null && (
        <p
          class="field-problem"
          role="alert"
          id={`${testId}-problem`}
          data-testid={`${testId}-problem`}
          data-code={problem.code}
        >
          {problem.text}
        </p>
      )}
      <div class="form-foot">
        <button type="button" class="button-quiet" onClick={closeDialog}>
          Not now
        </button>
        {props.other}
        <button
          type="submit"
          class="button-strong"
          autofocus={autofocus}
          disabled={busy || !ready}
          data-testid={testId}
        >
          {busy ? answer[1] : answer[0]}
        </button>
      </div>
    </form>
  );
}
