// The name of this device, edited where it stands; it changes for all members.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { attempt, tell } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { useFocus } from "./focus.js";

type Props = { readonly name: string; readonly onDone: () => void };

/** Escape gives back the name that was there. */
export function RenameDevice({ name, onDone }: Props): JSX.Element {
  const { members } = useHousehold();
  const [typed, setTyped] = useState(name);
  const field = useFocus<HTMLInputElement>();
  const rename = async (): Promise<void> => {
    const wanted = typed.trim();
    onDone();
    if (wanted === "" || wanted === name) {
      return;
    }
    if ((await attempt(members.rename(wanted).then(() => true))) === true) {
      tell(`This device is now “${wanted}”`);
    }
  };
  return (
    <form
      class="device-form"
      onSubmit={(event) => {
        event.preventDefault();
        void rename();
      }}
    >
      <input
        type="text"
        ref={field}
        aria-label="Name of this device"
        maxLength={60}
        data-testid="device-name-field"
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.preventDefault();
            onDone();
          }
        }}
      />
      <button type="submit" class="button-quiet" data-testid="save-device-name">
        Save
      </button>
    </form>
  );
}
