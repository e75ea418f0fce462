// The editor of a note's text: CodeMirror with the paper's looks. It lives in a shadow root, where its styles need no
// exception from the page's Content-Security-Policy.

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import type { TextHandle } from "ashore";
import { boundTo, lineBreak } from "./binding.js";
import { caretsOfOthers, type CaretHooks } from "./carets.js";

const looks = EditorView.theme({
  "&": { flex: "1", fontSize: "inherit" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "inherit", lineHeight: "inherit" },
  // As high as its place: a click below the last line puts the caret there.
  ".cm-content": { alignSelf: "stretch", padding: "6px 0", caretColor: "var(--accent)", minHeight: "228px" },
  ".cm-line": { padding: "0 8px" },
  ".cm-placeholder": { color: "var(--ink-soft)" },
});

type Options = {
  readonly handle: TextHandle;
  readonly parent: HTMLElement;
  readonly text: string;
  readonly onTyped: (stored: Promise<void>) => void;
  readonly others: CaretHooks;
  /** Shows the text and what others type, and takes no typing. The caret may be in it: for selecting and copying. */
  readonly readOnly: boolean;
};

export function createEditor({ handle, parent, text, onTyped, others, readOnly }: Options): EditorView {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: "open" });
  const state = EditorState.create({
    doc: text,
    extensions: [
      EditorState.lineSeparator.of(lineBreak),
      EditorState.readOnly.of(readOnly),
      EditorView.editable.of(!readOnly),
      boundTo(handle, { onTyped }),
      caretsOfOthers(handle, others),
      history(),
      // Tab is left to the page: who moves by keys must be able to leave.
      keymap.of([...defaultKeymap, ...historyKeymap]),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({
        "aria-label": "Text",
        "data-testid": "note-body",
        spellcheck: String(!readOnly),
        autocapitalize: "sentences",
        ...(readOnly ? { tabindex: "0", "aria-readonly": "true" } : {}),
      }),
      placeholder(readOnly ? "No text." : "Write something…"),
      looks,
    ],
  });
  return new EditorView({ state, parent: root, root });
}
