// The picture on the welcome page: three saltbox houses on the shore. Decoration only.

import type { JSX } from "preact";

export function Shore(): JSX.Element {
  return (
    <svg class="shore" viewBox="0 0 360 150" aria-hidden="true" focusable="false">
      <circle class="shore-sun" cx="262" cy="58" r="22" />
      <path class="shore-far" d="M0 104c40-16 74-20 112-14s66 2 104-6 92-8 144 10v20H0Z" />
      <g transform="translate(40 46)">
        <path class="shore-wall" d="M0 26 20 4l56 40v18H0Z" />
        <path class="shore-roof colour-sea" d="M-6 29 19-3l64 48-5 6L20 8 0 33Z" />
        <path class="shore-window" d="M12 32h10v11H12zM34 40h10v11H34z" />
      </g>
      <g transform="translate(136 34)">
        <path class="shore-wall" d="M0 30 24 4l68 48v22H0Z" />
        <path class="shore-roof colour-buoy" d="M44-12h11v34H44z" />
        <path class="shore-roof colour-buoy" d="M-7 33 23-4l77 58-6 7L24 10 1 38Z" />
        <path class="shore-window" d="M14 38h11v12H14zM58 52h10v10H58z" />
        <path class="shore-door" d="M34 74V50h14v24Z" />
      </g>
      <g transform="translate(246 56)">
        <path class="shore-wall" d="M0 22 17 4l46 33v15H0Z" />
        <path class="shore-roof colour-sand" d="M-5 25 16-2l54 40-5 5L17 8 1 27Z" />
        <path class="shore-window" d="M10 27h9v10h-9z" />
      </g>
      <path class="shore-ground" d="M0 108h360v8H0z" />
      <path class="shore-sea" d="M0 114h360v36H0z" />
      <path
        class="shore-wave"
        d="M20 127c8 0 8-5 16-5s8 5 16 5 8-5 16-5 8 5 16 5M150 136c8 0 8-5 16-5s8 5 16 5 8-5 16-5 8 5 16 5M262 126c8 0 8-5 16-5s8 5 16 5 8-5 16-5 8 5 16 5"
      />
    </svg>
  );
}
