// One note: a title and a text, saved while they are typed.

import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Draft, unsaved } from "../model/drafts.js";
import { deleteNote } from "../model/notes.js";
import { addresses, replaceWith } from "../model/route.js";
import { now, sayWhen, useClock } from "../model/times.js";
import type { Kept, Note } from "../model/types.js";
import { AlsoHere } from "./also-here.js";
import { useHousehold } from "./context.js";
import { ReadTitle } from "./editable-title.js";
import { GrowingText } from "./growing-text.js";
import { Back, Bin } from "./icons.js";
import { focusNoteBody, NoteBody } from "./note-body.js";
import { NoteSteps } from "./note-history.js";

export function NotePage({ id }: { readonly id: string }): JSX.Element {
  const note = useHousehold().notes.find(id);
  useEffect(() => {
    document.title = note === null ? "Saltbox" : `${note.title || "Untitled note"} · Saltbox`;
    return () => void (document.title = "Saltbox");
  }, [note?.title]);
  if (note !== null) {
    return <ShownNote note={note} />;
  }
  return (
    <section class="blank" data-testid="gone">
      <h1>This note is not here</h1>
      <p>It was deleted, or it has not arrived on this device yet.</p>
      <a class="button-strong" href={addresses.home}>
        Go home
      </a>
    </section>
  );
}

function ShownNote({ note }: { readonly note: Kept<Note> }): JSX.Element {
  const household = useHousehold();
  const mayWrite = household.members.mayWrite.value;
  useClock();
  const remove = (): void => {
    deleteNote(household, note);
    replaceWith(addresses.home);
  };
  return (
    <article class="page note-page" data-testid="note-page" data-id={note.id}>
      <div class="page-wall">
        <header class="page-head">
          <a class="button-plain narrow-only" href={addresses.home} aria-label="Back to home">
            <Back />
          </a>
          {mayWrite ? (
            <>
              <h1 class="visually-hidden">{note.title || "Untitled note"}</h1>
              <NoteTitle note={note} />
              <button
                type="button"
                class="button-plain"
                aria-label="Delete note"
                title="Delete note"
                data-testid="delete-note"
                onClick={remove}
              >
                <Bin />
              </button>
            </>
          ) : (
            <ReadTitle title={note.title || "Untitled note"} testId="note-title" />
          )}
        </header>
        <AlsoHere note={note.id} />
        <NoteBody key={`${note.id} ${mayWrite}`} note={note.id} readOnly={!mayWrite} />
        <footer class="note-foot">
          <p data-testid="note-foot" data-saved={unsaved.value === 0}>
            {unsaved.value === 0 ? `Edited ${sayWhen(note.updatedAt.getTime(), now.value)}` : "Saving…"}
          </p>
          <NoteSteps id={note.id} />
        </footer>
      </div>
    </article>
  );
}

/** Typing stays in the field until it is saved; what another device writes meanwhile to the text arrives at once. */
function NoteTitle({ note }: { readonly note: Kept<Note> }): JSX.Element {
  const household = useHousehold();
  const [typed, setTyped] = useState<string | null>(null);
  const draft = useMemo(
    () => new Draft(household, note.id, "title", (saved) => setTyped((latest) => (latest === saved ? null : latest))),
    [household, note.id],
  );
  useEffect(() => () => void draft.save(), [draft]);
  return (
    <GrowingText
      class="page-title"
      label="Title"
      placeholder="Title"
      testId="note-title"
      maxLength={200}
      autoFocus={note.title === "" && note.body.length === 0}
      value={typed ?? note.title}
      onType={(text) => {
        const words = text.replace(/\r?\n/g, " ");
        setTyped(words);
        draft.type(words);
      }}
      onBlur={() => void draft.save()}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          event.preventDefault();
          focusNoteBody();
        }
      }}
    />
  );
}
