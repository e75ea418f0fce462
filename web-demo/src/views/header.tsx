// The bar at the top: the app's name, where sync stands, pairing and the theme.

import type { JSX } from "preact";
import { openDialog } from "../model/dialogs.js";
import { addresses } from "../model/route.js";
import { nextTheme, theme, type Theme } from "../model/theme.js";
import { useHousehold } from "./context.js";
import { Keyboard, Moon, Phones, Sun, SunMoon } from "./icons.js";
import { Mark } from "./mark.js";
import { SyncButton } from "./sync-button.js";

export function Header(): JSX.Element {
  const { members } = useHousehold();
  return (
    <header class="header">
      <Name />
      <div class="header-actions">
        <SyncButton />
        {members.mayInvite.value ? <PairButton /> : <DevicesLink />}
        <button
          type="button"
          class="button-plain wide-only"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts (?)"
          data-testid="open-shortcuts"
          onClick={() => (openDialog.value = "shortcuts")}
        >
          <Keyboard />
        </button>
        <ThemeButton />
      </div>
    </header>
  );
}

function PairButton(): JSX.Element {
  return (
    <button
      type="button"
      class="button-quiet header-pair"
      data-testid="open-pairing"
      onClick={() => (openDialog.value = "pair")}
    >
      <Phones />
      <span class="wide-only">Pair a device</span>
      <span class="narrow-only visually-hidden">Pair a device</span>
    </button>
  );
}

/** For who may not invite. */
function DevicesLink(): JSX.Element {
  return (
    <a class="button-quiet header-pair" href={addresses.devices} data-testid="open-devices">
      <Phones />
      <span class="wide-only">Devices</span>
      <span class="narrow-only visually-hidden">Devices</span>
    </a>
  );
}

export function HeaderWithoutHousehold(): JSX.Element {
  return (
    <header class="header">
      <Name />
    </header>
  );
}

function Name(): JSX.Element {
  return (
    <a class="name" href={addresses.home} aria-label="Saltbox, home">
      <Mark />
      <span class="name-word">Saltbox</span>
    </a>
  );
}

const themeIcons: Readonly<Record<Theme, () => JSX.Element>> = {
  system: () => <SunMoon />,
  light: () => <Sun />,
  dark: () => <Moon />,
};

const themeNames: Readonly<Record<Theme, string>> = { system: "as the system", light: "light", dark: "dark" };

function ThemeButton(): JSX.Element {
  const label = `Theme: ${themeNames[theme.value]}`;
  return (
    <button
      type="button"
      class="button-plain"
      aria-label={label}
      title={label}
      data-testid="theme"
      data-theme-choice={theme.value}
      onClick={nextTheme}
    >
      {themeIcons[theme.value]()}
    </button>
  );
}
