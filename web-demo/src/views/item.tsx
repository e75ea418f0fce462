// One item: its box, its words (to edit in place), and the grip that moves it, by dragging, by keys or by menu.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { deleteItems, renameItem } from "../model/lists.js";
import type { Item, Kept } from "../model/types.js";
import { useHousehold } from "./context.js";
import { focusBeside } from "./focus.js";
import { GrowingText } from "./growing-text.js";
import { Bin, Close, Down, Grip, Up } from "./icons.js";
import { MenuButton } from "./menu.js";
import type { Reorder } from "./reorder.js";
import { Tick } from "./tick.js";

type Props = {
  readonly item: Kept<Item>;
  readonly index: number;
  readonly count: number;
  readonly onTick: (done: boolean) => void;
  readonly onMove: (to: number) => void;
  /** How rows are dragged; `null` where they are not. */
  readonly reorder: Reorder | null;
};

export function ItemRow({ item, index, count, onTick, onMove, reorder }: Props): JSX.Element {
  const household = useHousehold();
  const mayWrite = household.members.mayWrite.value;
  const remove = (): void => {
    focusBeside(item.id, ".item-grip");
    deleteItems(household, [item], `Deleted “${item.text}”`);
  };
  const step = (by: number): void => {
    if (index + by >= 0 && index + by < count) {
      onMove(index + by);
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!mayWrite || !event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) {
      return;
    }
    event.preventDefault();
    step(event.key === "ArrowUp" ? -1 : 1);
    keepFocus(event);
  };
  return (
    <li class={item.done ? "item item-done" : "item"} data-testid="item" data-id={item.id} onKeyDown={onKeyDown}>
      <Tick item={item} testId="item-done" onTick={onTick} />
      {mayWrite ? <ItemText item={item} /> : <ReadText item={item} />}
      {mayWrite && (
        <>
          <button
            type="button"
            class="button-plain item-delete"
            aria-label={`Delete ${item.text}`}
            data-testid="item-delete"
            onClick={remove}
          >
            <Close />
          </button>
          <MenuButton
            label={`Move ${item.text}`}
            testId="item-grip"
            class="button-plain item-grip"
            onPointerDown={(event) => reorder?.start(event, item.id)}
            swallowsPress={() => reorder?.justDragged() ?? false}
            entries={[
              { label: "Move up", icon: <Up />, testId: "item-up", disabled: index === 0, act: () => step(-1) },
              {
                label: "Move down",
                icon: <Down />,
                testId: "item-down",
                disabled: index === count - 1,
                act: () => step(1),
              },
              { label: "Delete", icon: <Bin />, testId: "item-menu-delete", act: remove },
            ]}
          >
            <Grip />
          </MenuButton>
        </>
      )}
    </li>
  );
}

function ReadText({ item }: { readonly item: Kept<Item> }): JSX.Element {
  return (
    <span class="item-text" data-testid="item-text">
      {item.text}
    </span>
  );
}

function ItemText({ item }: { readonly item: Kept<Item> }): JSX.Element {
  const household = useHousehold();
  const [typed, setTyped] = useState<string | null>(null);
  const save = (): void => {
    if (typed !== null) {
      renameItem(household, item, typed);
    }
    setTyped(null);
  };
  return (
    <GrowingText
      class="item-text"
      label={`Text of ${item.text}`}
      testId="item-text"
      maxLength={500}
      value={typed ?? item.text}
      onType={(text) => setTyped(text.replace(/\r?\n/g, " "))}
      onBlur={save}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          event.preventDefault();
          focusNext(event.currentTarget);
        } else if (event.key === "Escape") {
          event.stopPropagation();
          setTyped(null);
          event.currentTarget.value = item.text;
        }
      }}
    />
  );
}

/** Leaving the field saves it. */
function focusNext(field: HTMLTextAreaElement): void {
  const next = field.closest("li")?.nextElementSibling?.querySelector<HTMLElement>(".item-text");
  (next ?? document.querySelector<HTMLElement>("[data-testid=new-item]") ?? field).focus();
}

/** A row that changes its place is taken out and put in again, which may lose the focus. */
function keepFocus(event: KeyboardEvent): void {
  const focused = event.target;
  if (focused instanceof HTMLElement) {
    requestAnimationFrame(() => focused.focus());
  }
}
