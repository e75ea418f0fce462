// Light or dark: as the system says, unless somebody chose. `public/theme.js` applies the choice before the first paint.

import { signal } from "@preact/signals";
import { keep, kept } from "./preferences.js";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

export const theme = signal<Theme>(themes.find((one) => one === kept("theme")) ?? "system");

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  keep("theme", chosen === "system" ? null : chosen);
  if (chosen === "system") {
    delete document.documentElement.dataset["theme"];
  } else {
    document.documentElement.dataset["theme"] = chosen;
  }
}

export function nextTheme(): void {
  chooseTheme(themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? "system");
}
