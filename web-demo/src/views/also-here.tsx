// Who else has this note open, by name and by the colour of their caret.

import type { JSX } from "preact";
import { useHousehold } from "./context.js";

export function AlsoHere({ note }: { readonly note: string }): JSX.Element {
  const others = useHousehold().company.inNote(note);
  return (
    <div class="also-here" role="status" data-testid="also-here">
      {others.length > 0 && <span class="also-here-word">Also here:</span>}
      {others.length > 0 && (
        <ul>
          {others.map(({ key, name, colour }) => (
            <li key={key} class={`other colour-${colour}`} data-testid="other" data-colour={colour}>
              {name}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
