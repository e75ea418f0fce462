// The carets of others in a note's text, and where ours is for them. Places travel by names that stay with their neighbours, so
// that a caret is where its owner sees it, whatever was typed meanwhile.

import {
  EditorSelection,
  StateEffect,
  StateField,
  type EditorState,
  type Extension,
  type SelectionRange,
} from "@codemirror/state";
import { EditorView, layer, type LayerMarker, RectangleMarker, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import type { TextHandle } from "ashore";
import type { Caret, Other } from "../model/company.js";
import { listColours } from "../model/types.js";

export type CaretHooks = {
  /** Those who are in this note, again whenever one of them has moved; the returned function ends it. */
  readonly follow: (listener: (others: readonly Other[]) => void) => () => void;
  /** Where our own caret is; `null` when the text is not being edited. */
  readonly onMoved: (caret: Caret | null) => void;
};

/** A caret of somebody else, as positions in what the editor shows. */
type Placed = { readonly other: Other; readonly anchor: number; readonly head: number };

const place = StateEffect.define<readonly Placed[]>();

const placed = StateField.define<readonly Placed[]>({
  create: () => [],
  update: (carets, { effects, changes, docChanged }) => {
    const fresh = effects.find((effect) => effect.is(place));
    if (fresh !== undefined) {
      return fresh.value as readonly Placed[];
    }
    const move = (position: number): number => changes.mapPos(position, 1);
    return docChanged
      ? carets.map(({ other, anchor, head }) => ({ other, anchor: move(anchor), head: move(head) }))
      : carets;
  },
});

export function caretsOfOthers(handle: TextHandle, hooks: CaretHooks): Extension {
  return [placed, selections, caretLines, looks, othersOf(handle, hooks), ownOf(handle, hooks)];
}

/** Looks the places up by their names, again when somebody has moved or written. */
function othersOf(handle: TextHandle, { follow }: CaretHooks): Extension {
  return ViewPlugin.define((view) => {
    let others: readonly Other[] = [];
    let gone = false;
    const look = oneAtATime(async () => {
      const all = await Promise.all(others.map((other) => findCaret(handle, other)));
      if (!gone) {
        view.dispatch({ effects: place.of(all.filter((caret) => caret !== null)) });
      }
    });
    const stops = [
      follow((now) => {
        others = now;
        look();
      }),
      // A caret may have arrived before the letter that it stands at.
      handle.subscribe(look),
    ];
    const destroy = (): void => {
      gone = true;
      stops.forEach((stop) => stop());
    };
    return { destroy };
  });
}

async function findCaret(handle: TextHandle, other: Other): Promise<Placed | null> {
  if (other.caret === null) {
    return null;
  }
  const { anchor, head } = other.caret;
  try {
    const [from, to] = await Promise.all([handle.position(anchor), handle.position(head)]);
    return { other, anchor: from, head: to };
  } catch {
    // Its text has not arrived here yet, or it is no caret of this text.
    return null;
  }
}

/** Says where we are: the newest place once the one before has been named. */
function ownOf(handle: TextHandle, { onMoved }: CaretHooks): Extension {
  return ViewPlugin.define((view) => {
    let gone = false;
    const say = oneAtATime(async () => {
      const caret = view.hasFocus ? await nameCaret(handle, view.state) : null;
      if (!gone) {
        onMoved(caret);
      }
    });
    const update = ({ selectionSet, docChanged, focusChanged }: ViewUpdate): void => {
      if (selectionSet || docChanged || focusChanged) {
        say();
      }
    };
    return { update, destroy: () => void (gone = true) };
  });
}

async function nameCaret(handle: TextHandle, { selection }: EditorState): Promise<Caret | null> {
  const { anchor, head } = selection.main;
  try {
    const [from, to] = await Promise.all([handle.cursor(anchor), anchor === head ? null : handle.cursor(head)]);
    return { anchor: from, head: to ?? from };
  } catch {
    // There is no text yet, or it has become shorter.
    return null;
  }
}

/** Begins again, once, when it is asked for while it runs: what comes of it is never older than the last question. */
function oneAtATime(work: () => Promise<void>): () => void {
  let running = false;
  let again = false;
  const run = async (): Promise<void> => {
    running = true;
    again = false;
    await work();
    running = false;
    start(again);
  };
  const start = (wanted: boolean): void => {
    again = wanted;
    if (wanted && !running) {
      void run();
    }
  };
  return () => start(true);
}

/** Shown again when they have moved, the text has, or the page looks otherwise. */
function moved({ transactions, docChanged, geometryChanged }: ViewUpdate): boolean {
  return docChanged || geometryChanged || transactions.some(({ effects }) => effects.some((one) => one.is(place)));
}

const selections = layer({
  above: false,
  class: "cm-others",
  update: moved,
  markers: (view) =>
    view.state.field(placed).flatMap(({ other, anchor, head }) => {
      const part = within(view, anchor, head);
      return part.empty ? [] : RectangleMarker.forRange(view, `other-selection paint-${other.colour}`, part);
    }),
});

const caretLines = layer({
  above: true,
  class: "cm-others",
  update: moved,
  markers: (view) =>
    view.state.field(placed).flatMap(({ other, head }) => {
      const lines = RectangleMarker.forRange(view, `other-caret paint-${other.colour}`, within(view, head, head));
      return lines.map((line) => new NamedCaret(line, other.name, line.left > view.scrollDOM.clientWidth / 2));
    }),
});

function within({ state }: EditorView, anchor: number, head: number): SelectionRange {
  const { length } = state.doc;
  return EditorSelection.range(Math.min(anchor, length), Math.min(head, length));
}

/** On the first line there is no room for a name above it. */
const ROOM_ABOVE = 20;

/** A line with a name that goes away when its owner rests. The name is drawn by CSS, so that it is no part of the text. */
class NamedCaret implements LayerMarker {
  readonly #line: RectangleMarker;
  readonly #name: string;
  readonly #late: boolean;

  /** `late`: in the second half of the line, where there may be no room for the name but before it. */
  constructor(line: RectangleMarker, name: string, late: boolean) {
    this.#line = line;
    this.#name = name;
    this.#late = late;
  }

  eq(other: NamedCaret): boolean {
    return this.#name === other.#name && this.#late === other.#late && this.#line.eq(other.#line);
  }

  draw(): HTMLElement {
    const line = this.#line.draw();
    line.dataset["name"] = this.#name;
    line.classList.toggle("other-caret-first", this.#line.top < ROOM_ABOVE);
    line.classList.toggle("other-caret-late", this.#late);
    return line;
  }
}

const looks = EditorView.theme({
  ...Object.fromEntries(listColours.map((colour) => [`.paint-${colour}`, { "--paint": `var(--paint-${colour})` }])),
  ".other-selection": { backgroundColor: "color-mix(in oklab, var(--paint) 24%, transparent)" },
  ".other-caret": { borderLeft: "2px solid var(--paint)", marginLeft: "-1px" },
  ".other-caret::after": {
    content: "attr(data-name)",
    position: "absolute",
    bottom: "100%",
    left: "-2px",
    padding: "0 5px",
    borderRadius: "4px 4px 4px 0",
    background: "var(--paint)",
    color: "var(--wall)",
    fontFamily: "var(--font)",
    fontSize: "0.75rem",
    fontWeight: "600",
    lineHeight: "1.35",
    whiteSpace: "nowrap",
    animation: "other-rests 600ms 4s forwards",
  },
  ".other-caret-first::after": { bottom: "auto", top: "100%", borderRadius: "0 4px 4px 4px" },
  ".other-caret-late::after": { left: "auto", right: "-2px", borderRadius: "4px 4px 0 4px" },
  ".other-caret-late.other-caret-first::after": { borderRadius: "4px 0 4px 4px" },
  "@keyframes other-rests": { to: { opacity: "0" } },
});
