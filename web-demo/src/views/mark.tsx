// The app's mark: a saltbox house, short roof to the street and long roof to the sea, on the waterline.

import type { JSX } from "preact";

export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path class="mark-wall" d="M7 13.5 12.5 7 27 18.200V23H7Z" />
      <path class="mark-roof" d="M4.6 14.5 12.3 4.6 29 18.3" />
      <path class="mark-door" d="M11 23v-5.500h4V23" />
      <path
        class="mark-sea"
        d="M3 27.200c2.2 0 2.2-1.5 4.3-1.500s2.2 1.5 4.4 1.5 2.1-1.5 4.3-1.5 2.2 1.5 4.3 1.5 2.2-1.5 4.4-1.5 2.1 1.5 4.3 1.5"
      />
    </svg>
  );
}
