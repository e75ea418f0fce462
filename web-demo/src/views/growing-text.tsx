// A text field that is as tall as its words, for items, titles and notes.

import type { JSX, TargetedKeyboardEvent } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

type Props = {
  readonly value: string;
  readonly label: string;
  readonly class: string;
  readonly testId: string;
  readonly placeholder?: string;
  readonly maxLength?: number;
  readonly autoFocus?: boolean;
  readonly onType: (text: string) => void;
  readonly onKeyDown?: (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => void;
  readonly onBlur?: () => void;
};

const growsByItself = CSS.supports("field-sizing", "content");

export function GrowingText(props: Props): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => showValue(field.current, props.value), [props.value]);
  useLayoutEffect(() => {
    if (props.autoFocus === true) {
      field.current?.focus();
    }
  }, [props.autoFocus]);
  return (
    <textarea
      ref={field}
      rows={1}
      class={`growing-text ${props.class}`}
      aria-label={props.label}
      placeholder={props.placeholder}
      maxLength={props.maxLength}
      data-testid={props.testId}
      defaultValue={props.value}
      onInput={(event) => {
        fit(event.currentTarget);
        props.onType(event.currentTarget.value);
      }}
      onKeyDown={props.onKeyDown}
      onBlur={props.onBlur}
    />
  );
}

/** Shows a text that came from elsewhere without moving the caret of somebody who is typing. */
function showValue(field: HTMLTextAreaElement | null, value: string): void {
  if (field === null) {
    return;
  }
  if (field.value !== value) {
    const { selectionStart, selectionEnd } = field;
    field.value = value;
    if (document.activeElement === field) {
      field.setSelectionRange(selectionStart, selectionEnd);
    }
  }
  fit(field);
}

function fit(field: HTMLTextAreaElement): void {
  if (growsByItself) {
    return;
  }
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}
