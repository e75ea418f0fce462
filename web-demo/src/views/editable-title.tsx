// A heading that can be edited where it stands.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { GrowingText } from "./growing-text.js";
import { Eye } from "./icons.js";

type Props = {
  readonly title: string;
  readonly label: string;
  readonly placeholder: string;
  readonly testId: string;
  readonly onTitle: (title: string) => void;
};

/** For who may not edit it. */
export function ReadTitle({ title, testId }: { readonly title: string; readonly testId: string }): JSX.Element {
  return (
    <div class="page-title page-title-read">
      <h1 data-testid={testId}>{title}</h1>
      <ReadOnlyMark />
    </div>
  );
}

export function EditableTitle({ title, label, placeholder, testId, onTitle }: Props): JSX.Element {
  const [typed, setTyped] = useState<string | null>(null);
  const save = (): void => {
    const words = typed?.trim() ?? title;
    if (words !== title && words !== "") {
      onTitle(words);
    }
    setTyped(null);
  };
  return (
    <>
      <h1 class="visually-hidden">{title || placeholder}</h1>
      <GrowingText
        class="page-title"
        label={label}
        placeholder={placeholder}
        testId={testId}
        maxLength={120}
        value={typed ?? title}
        onType={(text) => setTyped(text.replace(/\r?\n/g, " "))}
        onBlur={save}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            event.preventDefault();
            event.currentTarget.blur();
          } else if (event.key === "Escape") {
            setTyped(null);
            event.currentTarget.value = title;
          }
        }}
      />
    </>
  );
}

function ReadOnlyMark(): JSX.Element {
  return (
    <span class="read-only" data-testid="read-only">
      <Eye /> Read only
    </span>
  );
}
