// The app's drawings: one line weight, the colour of the text around them, hidden from screen readers.

import type { ComponentChildren, JSX } from "preact";

type Drawing = (props: { readonly class?: string }) => JSX.Element;

function drawing(children: ComponentChildren): Drawing {
  return ({ class: extra }) => (
    <svg
      class={extra === undefined ? "icon" : `icon ${extra}`}
      viewBox="0 0 24 24"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

const cloud = <path d="M7 19a4.5 4.5 0 0 1-.6-8.96 6 6 0 0 1 11.5-1.2A5 5 0 0 1 17.5 19Z" />;

export const CloudSynced = drawing(
  <>
    {cloud}
    <path d="m9 13.6 2.2 2.2 4-4.3" />
  </>,
);
export const CloudPending = drawing(
  <>
    {cloud}
    <path d="M10 10.5h4.4M10 16.2h4.4M10.4 10.5c0 2 3.6 3.6 3.6 5.7m0-5.7c0 2-3.6 3.6-3.6 5.7" />
  </>,
);
export const CloudFailed = drawing(
  <>
    {cloud}
    <path d="m10.1 11.6 4 4m0-4-4 4" />
  </>,
);
export const Offline = drawing(
  <>
    <path d="M8 5.5V4.6A1.6 1.6 0 0 1 9.6 3h4.8A1.6 1.6 0 0 1 16 4.6v8.2M16 17v2.4a1.6 1.6 0 0 1-1.6 1.6H9.6A1.6 1.6 0 0 1 8 19.4V9" />
    <path d="m4.5 4 15.5 16.5M11.3 18.2h1.4" />
  </>,
);

export const Plus = drawing(<path d="M12 5v14M5 12h14" />);
export const Check = drawing(<path d="m5.5 12.5 4.3 4.3 8.7-9.3" />);
export const Close = drawing(<path d="m6.5 6.5 11 11m0-11-11 11" />);
export const Back = drawing(<path d="m14.5 5.5-6.5 6.5 6.5 6.5" />);
export const Grip = drawing(
  <path d="M9.25 6.5v.01M14.75 6.5v.01M9.25 12v.01M14.75 12v.01M9.25 17.5v.01M14.75 17.5v.01" stroke-width="2.6" />,
);
export const Bin = drawing(<path d="M5 7h14M10 7V4.8h4V7m-7.3 0 .8 12.2h9L17.3 7M10.3 10.7v5M13.7 10.7v5" />);
export const Undo = drawing(<path d="M8.5 5 4.5 9l4 4M5 9h8.5a5 5 0 0 1 0 10H9" />);
export const Redo = drawing(<path d="m15.5 5 4 4-4 4M19 9h-8.5a5 5 0 0 0 0 10H15" />);
export const Past = drawing(<path d="M5.2 9.2A7.5 7.5 0 1 1 4.5 12M4.5 5.5v4h4M12 8v4.3l3 1.9" />);
export const More = drawing(<path d="M6 12v.01M12 12v.01M18 12v.01" stroke-width="2.6" />);
export const Up = drawing(<path d="M12 19V5.5m-5.5 5.5L12 5.5l5.5 5.5" />);
export const Down = drawing(<path d="M12 5v13.5m-5.5-5.5 5.5 5.5 5.5-5.5" />);
export const Copy = drawing(<path d="M9 9h10.5v11H9zM15 9V4.5H4.5V15.5H9" />);
export const Pencil = drawing(<path d="m5 19 .9-3.9L16.4 4.6l3 3L8.9 18.1Zm9.2-12.2 3 3" />);
export const Sliders = drawing(
  <path d="M4.5 8h8m5 0h2M4.5 16h2m5 0h8M15 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4ZM9 13.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4Z" />,
);
export const Sun = drawing(
  <path d="M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.8v1.7m0 15v1.7M2.8 12h1.7m15 0h1.7M5.5 5.5l1.2 1.2m10.6 10.6 1.2 1.2m0-13-1.2 1.2M6.7 17.3l-1.2 1.2" />,
);
export const Moon = drawing(<path d="M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7Z" />);
export const SunMoon = drawing(
  <>
    <path d="M12 4a8 8 0 1 0 0 16Z" fill="currentColor" />
    <path d="M12 4a8 8 0 1 1 0 16" />
  </>,
);
export const Phones = drawing(<path d="M3.5 17.5h7.5M5 17.5V6.2h14v2.3M14.5 11h6v9h-6zM17 17.7h1" />);
export const Keyboard = drawing(<path d="M3.5 6.5h17v11h-17zM7 10v.01M10.3 10v.01M13.7 10v.01M17 10v.01M8 14h8" />);
export const House = drawing(<path d="M4 20V12.5L9 5l11 9v6ZM8.5 20v-4.5h3.5V20" />);
export const Basket = drawing(<path d="M4 10h16l-1.7 9H5.7ZM8 10l3-5.5M16 10l-3-5.5M9.5 13v3M14.5 13v3" />);
export const Broom = drawing(
  <path d="M19 4.5 12.8 11m-3.3-1.3 5 4.8-2.3 4.5c-3 .8-5.7.4-8.2-1.5l5.5-7.8ZM7.5 15.5l2.8 3" />,
);
export const Lines = drawing(<path d="M9 6.5h11M9 12h11M9 17.5h11M4.5 6.5v.01M4.5 12v.01M4.5 17.5v.01" />);
export const Sheet = drawing(<path d="M6 3.5h8.5L18.5 7.5v13H6zM14.5 3.5v4h4M9 12h6.5M9 15.5h4.5" />);
export const Refresh = drawing(<path d="M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 4v4h-4" />);
export const Laptop = drawing(<path d="M5.5 6h13v9.5h-13zM3 18.5h18" />);
export const Warning = drawing(<path d="M12 4 2.8 19.5h18.4ZM12 10v4.5M12 17v.01" />);
export const Eye = drawing(
  <path d="M2.8 12S6.3 6 12 6s9.2 6 9.2 6-3.5 6-9.2 6-9.2-6-9.2-6ZM12 9.3a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4Z" />,
);
export const Shield = drawing(
  <path d="M12 3.5 5 6v5.6c0 4.2 2.9 7.2 7 8.9 4.1-1.7 7-4.7 7-8.9V6ZM9 11.8l2.2 2.2 3.8-4" />,
);
export const Key = drawing(
  <path d="M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM11 12.2 19.5 4M16 7.4l2.6 2.6M13.6 9.7l1.8 1.8" />,
);
export const Door = drawing(<path d="M14 4.5H6v15h8M10.5 12H20m-3.2-3.3L20 12l-3.2 3.3" />);
export const HandOver = drawing(<path d="M4 8.5h13m-3.2-3.3L17 8.5l-3.2 3.3M20 15.5H7m3.2-3.3L7 15.5l3.2 3.3" />);
export const Ticket = drawing(
  <path d="M4 7.5h16v3a1.8 1.8 0 0 0 0 3v3H4v-3a1.8 1.8 0 0 0 0-3ZM13.5 7.5v1.4m0 2.4v1.4m0 2.4v1.4" />,
);
export const Hourglass = drawing(<path d="M7 4h10M7 20h10M8.5 4c0 4 7 5 7 8s-7 4-7 8M15.5 4c0 4-7 5-7 8s7 4 7 8" />);
export const Link = drawing(
  <path d="M10 14a3.6 3.6 0 0 0 5.2.2l3-3a3.6 3.6 0 0 0-5.1-5.1l-1.2 1.2M14 10a3.6 3.6 0 0 0-5.2-.2l-3 3a3.6 3.6 0 0 0 5.1 5.1l1.2-1.2" />,
);
export const Lifebuoy = drawing(
  <path d="M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16ZM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM6.4 6.4l3.5 3.5m4.2 4.2 3.5 3.5m0-11.2-3.5 3.5m-4.2 4.2-3.5 3.5" />,
);
