// Choices about this device's screen, which no other device should follow. Nothing of the household is kept here.

type Preference = "theme" | "single-key-shortcuts" | "hidden-notices" | "relay" | "device-name";

export function kept(preference: Preference): string | null {
  try {
    return localStorage.getItem(`saltbox.${preference}`);
  } catch {
    return null;
  }
}

export function keep(preference: Preference, value: string | null): void {
  try {
    if (value === null) {
      localStorage.removeItem(`saltbox.${preference}`);
    } else {
      localStorage.setItem(`saltbox.${preference}`, value);
    }
  } catch {
    // A browser that keeps nothing still works; the choice lasts until the page closes.
  }
}
