// A dialog that asks before something is done which others notice: what it does, what it does not, and two answers.

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { closeDialog } from "../model/dialogs.js";
import { sentenceFor, type Problem } from "../model/problems.js";
import { Dialog } from "./dialog.js";
import { Check, Close } from "./icons.js";

type Props = {
  readonly title: string;
  readonly testId: string;
  readonly answer: string;
  /** What is done cannot be taken back by doing the opposite. */
  readonly grave?: boolean;
  readonly disabled?: boolean;
  readonly no?: string;
  readonly act: () => Promise<unknown>;
  readonly children: ComponentChildren;
};

export function Confirm({
  title,
  testId,
  answer,
  grave = false,
  disabled = false,
  no,
  act,
  children,
}: Props): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await act();
      closeDialog();
    } catch (error) {
      setProblem(sentenceFor(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} testId={testId}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        {children}
        {problem !== null && (
          <p class="field-problem" role="alert" data-testid="confirm-problem" data-code={problem.code}>
            {problem.text}
          </p>
        )}
        <div class="form-foot">
          <button type="button" class="button-quiet" autofocus onClick={closeDialog}>
            {no ?? "Cancel"}
          </button>
          <button
            type="submit"
            class={grave ? "button-strong button-grave" : "button-strong"}
            disabled={busy || disabled}
            data-testid="confirm"
          >
            {busy ? "One moment…" : answer}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** What it does and what it does not do, side by side with a sign and a word for each. */
export function Effects({
  does,
  not,
}: {
  readonly does: readonly string[];
  readonly not: readonly string[];
}): JSX.Element {
  return (
    <div class="effects">
      <EffectList title="What this does" mark={<Check />} lines={does} kind="does" />
      <EffectList title="What it cannot do" mark={<Close />} lines={not} kind="not" />
    </div>
  );
}

type ListProps = {
  readonly title: string;
  readonly mark: JSX.Element;
  readonly lines: readonly string[];
  readonly kind: "does" | "not";
};

function EffectList({ title, mark, lines, kind }: ListProps): JSX.Element {
  return (
    <section class={`effect effect-${kind}`}>
      <h3>{title}</h3>
      <ul>
        {lines.map((line) => (
          <li key={line}>
            {mark}
            <span>{line}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
