/** How the demo starts. */

import { median, shown } from "./figures.js";

const VISITS = {
  first: "first visit, nothing here: to the page that offers a first list",
  nothing: "a list is here, nothing cached",
  cached: "a list is here, code from the HTTP cache",
  offline: "a list is here, no server: all from the service worker",
};

export function demo({ demo: visits }) {
  if (!visits) {
    return "";
  }
  return [
    "### The demo's start",
    "",
    "Saltbox as the relay serves it, over loopback; Ashore alone. The browser is started anew for each visit; times are from the navigation. A list can be used when its items are shown and its field takes a new one.",
    "",
    "| | first contentful paint | the list can be used |",
    "| --- | ---: | ---: |",
    ...Object.entries(VISITS).flatMap(([visit, title]) => row(title, visits[visit])),
    "",
  ].join("\n");
}

function row(title, times) {
  return times ? [`| ${title} | ${spread(times.painted)} | ${spread(times.usable)} |`] : [];
}

function spread(times) {
  const [least, most] = [Math.min(...times), Math.max(...times)].map((time) => shown(time, "ms"));
  return `${shown(median(times), "ms")} (${least} – ${most})`;
}
