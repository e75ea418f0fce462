// The text of a note: saved with every key, and shown as others type it.

import type { EditorView } from "@codemirror/view";
import { effect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { CaretHooks } from "../editor/carets.js";
import { Typing } from "../model/drafts.js";
import { attempt } from "../model/toasts.js";
import { useHousehold } from "./context.js";

type Props = { readonly note: string; readonly readOnly: boolean };

export function NoteBody({ note, readOnly }: Props): JSX.Element {
  const household = useHousehold();
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const handle = household.noteText(note);
    const typing = new Typing(household, note, handle);
    const { company } = household;
    let editor: EditorView | null = null;
    let gone = false;
    const open = async (): Promise<void> => {
      // The editor is a file of its own: who looks at lists does not wait for it.
      const [{ createEditor }] = await Promise.all([import("../editor/editor.js"), handle.read()]);
      const parent = place.current;
      if (!gone && parent !== null) {
        const onTyped = (stored: Promise<void>): void => void attempt(typing.typed(stored));
        const others: CaretHooks = {
          follow: (listener) => effect(() => listener(company.inNote(note))),
          onMoved: (caret) => company.show(note, caret),
        };
        editor = createEditor({ handle, parent, text: handle.value ?? "", onTyped, others, readOnly });
      }
    };
    void attempt(open());
    company.show(note, null);
    return () => {
      gone = true;
      company.show(null, null);
      editor?.destroy();
      handle.close();
      void typing.save();
    };
  }, [household, note, readOnly]);
  return <div ref={place} class="note-body" />;
}

/** Goes on into the text; where its editor is not here yet, nowhere. */
export function focusNoteBody(): void {
  document.querySelector(".note-body")?.shadowRoot?.querySelector<HTMLElement>(".cm-content")?.focus();
}
