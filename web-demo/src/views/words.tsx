// Words to read aloud or to write down: numbered, in order, in columns.

import type { JSX } from "preact";

type Props = { readonly words: readonly string[]; readonly label: string; readonly testId: string };

export function Words({ words, label, testId }: Props): JSX.Element {
  return (
    <ol class="words" aria-label={label} data-testid={testId}>
      {words.map((word, place) => (
        <li key={`${place} ${word}`}>
          <span class="word-place" aria-hidden="true">
            {place + 1}
          </span>
          <span data-testid="word">{word}</span>
        </li>
      ))}
    </ol>
  );
}
