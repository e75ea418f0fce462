// Dragging rows up and down by their grips. Keys and the grip's menu do the same without dragging.

import type { RefObject } from "preact";
import { useMemo, useRef } from "preact/hooks";

export type Reorder = {
  readonly start: (event: PointerEvent, id: string) => void;
  /** The press that just ended was a drag, not a click. */
  readonly justDragged: () => boolean;
};

/** A press that moves less is a click, in CSS pixels. */
const slack = 5;

export function useReorder(list: RefObject<HTMLElement | null>, onMove: (id: string, index: number) => void): Reorder {
  const latest = useRef(onMove);
  latest.current = onMove;
  return useMemo(() => makeReorder(list, (id, index) => latest.current(id, index)), [list]);
}

function makeReorder(list: RefObject<HTMLElement | null>, onMove: (id: string, index: number) => void): Reorder {
  let dragged = false;
  const start = (event: PointerEvent, id: string): void => {
    dragged = false;
    const grip = event.currentTarget;
    if (event.button !== 0 || list.current === null || !(grip instanceof HTMLElement)) {
      return;
    }
    const drag = new Drag(list.current, id, event.clientY);
    grip.setPointerCapture(event.pointerId);
    const onPointerMove = (move: PointerEvent): void => drag.to(move.clientY);
    const onKey = (key: KeyboardEvent): void => {
      if (key.key === "Escape") {
        end(false);
      }
    };
    const end = (keep: boolean): void => {
      grip.removeEventListener("pointermove", onPointerMove);
      removeEventListener("keydown", onKey);
      const index = drag.end();
      dragged = drag.moved;
      if (keep && drag.moved && index !== drag.from) {
        onMove(id, index);
      }
    };
    grip.addEventListener("pointermove", onPointerMove);
    grip.addEventListener("pointerup", () => end(true), { once: true });
    grip.addEventListener("pointercancel", () => end(false), { once: true });
    addEventListener("keydown", onKey);
  };
  return { start, justDragged: () => dragged };
}

/** One drag: the row follows the pointer, the others make room. */
class Drag {
  readonly from: number;
  moved = false;
  readonly #rows: readonly HTMLElement[];
  readonly #tops: readonly number[];
  readonly #heights: readonly number[];
  readonly #startY: number;
  #over: number;

  constructor(list: HTMLElement, id: string, startY: number) {
    this.#rows = [...list.querySelectorAll<HTMLElement>(":scope > [data-id]")];
    this.#tops = this.#rows.map((row) => row.offsetTop);
    this.#heights = this.#rows.map((row) => row.offsetHeight);
    this.#startY = startY;
    this.from = this.#rows.findIndex((row) => row.dataset["id"] === id);
    this.#over = this.from;
  }

  to(y: number): void {
    const by = y - this.#startY;
    const row = this.#rows[this.from];
    if (row === undefined || (!this.moved && Math.abs(by) < slack)) {
      return;
    }
    this.moved = true;
    row.classList.add("item-dragged");
    row.style.transform = `translateY(${by}px)`;
    this.#over = this.#placeOf(by);
    this.#rows.forEach((other, index) => {
      if (index !== this.from) {
        other.style.transform = this.#shiftOf(index);
      }
    });
  }

  /** Where it was let go. */
  end(): number {
    for (const row of this.#rows) {
      row.classList.remove("item-dragged");
      row.style.transform = "";
    }
    return this.#over;
  }

  #placeOf(by: number): number {
    const middle = (this.#tops[this.from] ?? 0) + by + (this.#heights[this.from] ?? 0) / 2;
    const above = this.#tops.filter(
      (top, index) => index !== this.from && top + (this.#heights[index] ?? 0) / 2 < middle,
    );
    return above.length;
  }

  #shiftOf(index: number): string {
    const height = this.#heights[this.from] ?? 0;
    if (index > this.from && index <= this.#over) {
      return `translateY(${-height}px)`;
    }
    if (index < this.from && index >= this.#over) {
      return `translateY(${height}px)`;
    }
    return "";
  }
}
