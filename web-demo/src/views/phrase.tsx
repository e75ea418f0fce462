// 24 words that bring the household back: shown once, written down, and checked. Words that were not checked are closed again.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { closeDialog } from "../model/dialogs.js";
import { sentenceFor, type Problem } from "../model/problems.js";
import { isSameWord, phraseWords, pickPlaces } from "../model/recovery.js";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { Words } from "./words.js";

type Phrase = { readonly id: string; readonly words: readonly string[] };

/** How many words are asked for. */
const asked = 3;

export function PhraseDialog(): JSX.Element {
  const { recovery } = useHousehold();
  const [phrase, setPhrase] = useState<Phrase | null>(null);
  const [checking, setChecking] = useState(false);
  const unchecked = useRef<string | null>(null);
  useEffect(
    () => () => {
      // Nobody may rely on words that nobody has.
      if (unchecked.current !== null) {
        void attempt(recovery.remove(unchecked.current));
      }
    },
    [recovery],
  );
  const made = (words: Phrase): void => {
    unchecked.current = words.id;
    setPhrase(words);
  };
  const checked = (): void => {
    unchecked.current = null;
    void attempt(recovery.load());
    closeDialog();
    tell("The 24 words are set. Keep the paper where you find it without your devices.");
  };
  return (
    <Dialog title="24 words on paper" testId="phrase-dialog">
      {phrase === null ? (
        <Beginning onMade={made} />
      ) : checking ? (
        <Check words={phrase.words} onBack={() => setChecking(false)} onRight={checked} />
      ) : (
        <Show words={phrase.words} onNext={() => setChecking(true)} />
      )}
    </Dialog>
  );
}

function Beginning({ onMade }: { readonly onMade: (phrase: Phrase) => void }): JSX.Element {
  const { recovery } = useHousehold();
  const [before] = useState(recovery.phrase.value);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const make = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      onMade(await recovery.createPhrase());
    } catch (error) {
      setProblem(sentenceFor(error));
      setBusy(false);
    }
  };
  return (
    <div class="form">
      <ul class="plain-points">
        <li>You need paper and a pen, and a minute in which nobody looks over your shoulder.</li>
        <li>Whoever has the words can join as an admin. They are shown once, and kept nowhere.</li>
        {before !== null && <li>The words that were made before end with this, also if you stop halfway.</li>}
      </ul>
      {problem !== null && (
        <p class="field-problem" role="alert" data-testid="phrase-problem" data-code={problem.code}>
          {problem.text}
        </p>
      )}
      <div class="form-foot">
        <button type="button" class="button-quiet" onClick={closeDialog}>
          Not now
        </button>
        <button
          type="button"
          class="button-strong"
          disabled={busy}
          data-testid="make-words"
          onClick={() => void make()}
        >
          {busy ? "One moment…" : "Show the words"}
        </button>
      </div>
    </div>
  );
}

function Show({ words, onNext }: { readonly words: readonly string[]; readonly onNext: () => void }): JSX.Element {
  return (
    <div class="form">
      <p class="dialog-lead">Write them down in this order, with their numbers.</p>
      <Words words={words} label={`The ${phraseWords} words`} testId="phrase-words" />
      <div class="form-foot">
        <button type="button" class="button-strong" data-testid="words-written" onClick={onNext}>
          I have written them down
        </button>
      </div>
    </div>
  );
}

type CheckProps = {
  readonly words: readonly string[];
  readonly onBack: () => void;
  readonly onRight: () => void;
};

function Check({ words, onBack, onRight }: CheckProps): JSX.Element {
  const [places] = useState(() => pickPlaces(asked, words.length));
  const [typed, setTyped] = useState<readonly string[]>(() => places.map(() => ""));
  const [wrong, setWrong] = useState<readonly number[]>([]);
  const check = (): void => {
    const wrongNow = places.filter((place, at) => !isSameWord(typed[at] ?? "", words[place]));
    setWrong(wrongNow);
    if (wrongNow.length === 0) {
      onRight();
    }
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        check();
      }}
    >
      <p class="dialog-lead">Read from your paper: a word that is wrong there cannot be put right later.</p>
      {places.map((place, at) => (
        <label key={place} class="field">
          <span>Word {place + 1}</span>
          <input
            type="text"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            autofocus={at === 0}
            aria-invalid={wrong.includes(place)}
            data-testid="check-word"
            data-place={place}
            value={typed[at]}
            onInput={(event) => setTyped(typed.map((one, of) => (of === at ? event.currentTarget.value : one)))}
          />
        </label>
      ))}
      {wrong.length > 0 && (
        <p class="field-problem" role="alert" data-testid="words-wrong">
          {wrong.length === 1
            ? `Word ${(wrong[0] ?? 0) + 1} is another one.`
            : `Words ${wrong.map((place) => place + 1).join(", ")} are others.`}{" "}
          Look at the words again and correct the paper.
        </p>
      )}
      <div class="form-foot">
        <button type="button" class="button-quiet" data-testid="words-again" onClick={onBack}>
          Show the words again
        </button>
        <button
          type="submit"
          class="button-strong"
          disabled={typed.some((word) => word.trim() === "")}
          data-testid="check-words"
        >
          Check
        </button>
      </div>
    </form>
  );
}
