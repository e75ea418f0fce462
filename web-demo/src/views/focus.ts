// Where the keyboard goes on when what it was on goes away or comes up.

import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Focuses the element when it comes up. */
export function useFocus<T extends HTMLElement>(): RefObject<T | null> {
  const element = useRef<T>(null);
  useEffect(() => element.current?.focus(), []);
  return element;
}

/**
 * Called before an item's row leaves its list: when the focus is in it, it goes to the same control of the next row, else
 * of the row before, else to the line that adds.
 */
export function focusBeside(id: string, control: ".tick-box" | ".item-grip"): void {
  const row = document.querySelector<HTMLElement>(`.item[data-id="${CSS.escape(id)}"]`);
  if (row === null || !row.contains(document.activeElement)) {
    return;
  }
  const beside = row.nextElementSibling ?? row.previousElementSibling;
  (
    beside?.querySelector<HTMLElement>(control) ?? document.querySelector<HTMLElement>("[data-testid=new-item]")
  )?.focus();
}
