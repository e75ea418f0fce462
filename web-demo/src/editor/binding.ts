// Binds an editor to a collaborative text: what is typed here becomes splices, what others write becomes transactions that
// are marked, so that nothing comes back as an echo and nobody undoes the words of others.

import { Annotation, ChangeSet, Transaction, type Extension } from "@codemirror/state";
import { ViewPlugin, type EditorView, type ViewUpdate } from "@codemirror/view";
import type { TextHandle, TextSplice } from "ashore";

/** Everything that counts lines counts these; a carriage return stays a character, as it is in the text. */
export const lineBreak = "\n";

const fromElsewhere = Annotation.define<true>();

type Hooks = {
  /** Something was typed here; the promise ends when it is stored, or rejects. */
  readonly onTyped: (stored: Promise<void>) => void;
};

/** The editor must begin with the handle's `value`. */
export function boundTo(handle: TextHandle, { onTyped }: Hooks): Extension {
  return ViewPlugin.define((view) => {
    const stop = handle.subscribe(({ splices }) => takeOver(view, splices));
    const update = ({ transactions }: ViewUpdate): void => {
      const typed = transactions.filter((one) => one.docChanged && one.annotation(fromElsewhere) === undefined);
      for (const { changes } of typed) {
        onTyped(handle.edit(splicesOf(changes)).catch((problem: unknown) => giveWay(view, handle, problem)));
      }
    };
    return { update, destroy: stop };
  });
}

/** Shows what others wrote. The selection moves along by itself. */
function takeOver(view: EditorView, splices: readonly TextSplice[]): void {
  if (splices.length === 0) {
    return;
  }
  view.dispatch({
    changes: changesOf(splices, view.state.doc.length),
    annotations: [fromElsewhere.of(true), Transaction.remote.of(true), Transaction.addToHistory.of(false)],
  });
}

/** An edit was refused: the editor shows what is there, and whoever waits hears why. */
function giveWay(view: EditorView, handle: TextHandle, problem: unknown): never {
  const insert = handle.value;
  if (insert !== null && insert !== view.state.sliceDoc()) {
    takeOver(view, [{ at: 0, delete: view.state.doc.length, insert }]);
  }
  throw problem;
}

/** One after another, each about what the ones before left. */
function splicesOf(changes: ChangeSet): TextSplice[] {
  const splices: TextSplice[] = [];
  changes.iterChanges((fromA, toA, fromB, _toB, inserted) => {
    splices.push({ at: fromB, delete: toA - fromA, insert: inserted.sliceString(0, inserted.length, lineBreak) });
  });
  return splices;
}

function changesOf(splices: readonly TextSplice[], length: number): ChangeSet {
  return splices.reduce(
    (changes, { at, delete: count, insert }) =>
      changes.compose(ChangeSet.of({ from: at, to: at + count, insert }, changes.newLength, lineBreak)),
    ChangeSet.empty(length),
  );
}
