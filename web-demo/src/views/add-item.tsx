// The line that adds to a list. Several pasted lines become several items.

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { addItems } from "../model/lists.js";
import type { Kept, List } from "../model/types.js";
import { useHousehold } from "./context.js";
import { Plus } from "./icons.js";
import { kindLooks } from "./looks.js";

export function AddItem({ list }: { readonly list: Kept<List> }): JSX.Element {
  const household = useHousehold();
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const label = kindLooks[list.kind].adding;
  const add = (event: Event): void => {
    event.preventDefault();
    if (text.trim() !== "") {
      addItems(household, list.id, text);
    }
    setText("");
    field.current?.focus();
  };
  const onPaste = (event: ClipboardEvent): void => {
    const pasted = event.clipboardData?.getData("text/plain") ?? "";
    if (!/\n./.test(pasted)) {
      return;
    }
    event.preventDefault();
    addItems(household, list.id, pasted);
  };
  return (
    <form class="add-item" onSubmit={add}>
      <input
        ref={field}
        type="text"
        class="add-item-field"
        aria-label={label}
        placeholder={label}
        autocomplete="off"
        enterkeyhint="done"
        maxLength={500}
        data-testid="new-item"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onPaste={onPaste}
      />
      <button type="submit" class="button-strong add-item-button" aria-label="Add" data-testid="add-item">
        <Plus />
      </button>
    </form>
  );
}
