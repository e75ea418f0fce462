// A note's past in a dialog: its moments, the note as it was, and making it so again; and the buttons that go back a step.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { closeDialog, openDialog } from "../model/dialogs.js";
import {
  loadEarlier,
  noteAt,
  redoNote,
  restore,
  undoNote,
  unread,
  type Moment,
  type Past,
} from "../model/note-history.js";
import { route } from "../model/route.js";
import { now, sayWhen, useClock } from "../model/times.js";
import { attempt } from "../model/toasts.js";
import type { Note } from "../model/types.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { Past as PastIcon, Redo, Undo } from "./icons.js";

/** The way into a note's past, at its foot. */
export function NoteSteps({ id }: { readonly id: string }): JSX.Element {
  const household = useHousehold();
  return (
    <div class="note-steps" role="group" aria-label="Go back in this note">
      {household.members.mayWrite.value && <Steps id={id} />}
      <button
        type="button"
        class="button-quiet"
        data-testid="note-history"
        onClick={() => (openDialog.value = "note-history")}
      >
        <PastIcon /> History
      </button>
    </div>
  );
}

function Steps({ id }: { readonly id: string }): JSX.Element {
  const household = useHousehold();
  return (
    <>
      <button
        type="button"
        class="button-plain"
        aria-label="Undo"
        title="Undo what was done on this device"
        data-testid="note-undo"
        onClick={() => void undoNote(household, id)}
      >
        <Undo />
      </button>
      <button
        type="button"
        class="button-plain"
        aria-label="Redo"
        title="Redo"
        data-testid="note-redo"
        onClick={() => void redoNote(household, id)}
      >
        <Redo />
      </button>
    </>
  );
}

export function NoteHistoryDialog(): JSX.Element {
  const shown = route.value;
  return (
    <Dialog title="History of this note" testId="note-history-dialog">
      {shown.page === "note" && <History id={shown.id} />}
    </Dialog>
  );
}

function History({ id }: { readonly id: string }): JSX.Element {
  const household = useHousehold();
  const [past, setPast] = useState<Past>(unread);
  const [chosen, setChosen] = useState<Moment | null>(null);
  const [was, setWas] = useState<{ readonly of: Moment; readonly note: Note | null } | null>(null);
  useClock();
  const earlier = async (known: Past): Promise<void> => {
    const more = await attempt(loadEarlier(household, id, known));
    if (more !== null) {
      setPast(more);
      setChosen((moment) => moment ?? more.moments[0] ?? null);
    }
  };
  useEffect(() => void earlier(unread), [household, id]);
  useEffect(() => {
    let current = true;
    if (chosen !== null) {
      void attempt(noteAt(household, id, chosen.version).then((note) => current && setWas({ of: chosen, note })));
    }
    return () => void (current = false);
  }, [household, id, chosen]);
  return (
    <div class="history">
      <div class="history-moments">
        <ol role="list" aria-label="Moments, the latest first" data-testid="moments">
          {past.moments.map((moment) => (
            <li key={moment.version}>
              <MomentButton moment={moment} chosen={moment.version === chosen?.version} onChoose={setChosen} />
            </li>
          ))}
        </ol>
        {past.before !== null && past.moments.length > 0 && (
          <button type="button" class="button-link" data-testid="earlier" onClick={() => void earlier(past)}>
            Show earlier ones
          </button>
        )}
      </div>
      <section class="history-then" aria-label="The note as it was" aria-live="polite" data-testid="note-then">
        {was !== null && <AsItWas id={id} note={was.note} latest={was.of.version === past.moments[0]?.version} />}
      </section>
    </div>
  );
}

const together = new Intl.ListFormat("en", { type: "conjunction" });

type MomentProps = {
  readonly moment: Moment;
  readonly chosen: boolean;
  readonly onChoose: (moment: Moment) => void;
};

function MomentButton({ moment, chosen, onChoose }: MomentProps): JSX.Element {
  return (
    <button
      type="button"
      class="moment"
      aria-pressed={chosen}
      data-testid="moment"
      data-kind={moment.kind}
      onClick={() => onChoose(moment)}
    >
      <span class="moment-when">{sayWhen(moment.to, now.value)}</span>
      <span class="moment-who">
        {together.format(moment.who)} {what(moment)}
      </span>
    </button>
  );
}

function what({ kind }: Moment): string {
  switch (kind) {
    case "put":
      return "wrote";
    case "delete":
      return "deleted the note";
    case "undo":
      return "took something back";
    case "redo":
      return "did it again";
  }
}

type AsItWasProps = { readonly id: string; readonly note: Note | null; readonly latest: boolean };

function AsItWas({ id, note, latest }: AsItWasProps): JSX.Element {
  const household = useHousehold();
  if (note === null) {
    return <p class="hint">The note was deleted then.</p>;
  }
  const goBack = (): void => {
    closeDialog();
    void restore(household, id, note);
  };
  return (
    <>
      <h3 data-testid="title-then">{note.title || "Untitled note"}</h3>
      <p class="history-body" data-testid="body-then">
        {note.body.value || "No text."}
      </p>
      {latest ? (
        <p class="hint">This is how the note was left last.</p>
      ) : !household.members.mayWrite.value ? null : (
        <button type="button" class="button-strong" data-testid="restore" onClick={goBack}>
          Make it so again
        </button>
      )}
    </>
  );
}
