// A dialog or a side panel: the browser's own, which keeps the focus inside, closes on Escape and gives the focus back.
// Messages are shown inside it while it is open: everything else of the page is out of reach then.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { closeDialog } from "../model/dialogs.js";
import { Close } from "./icons.js";
import { Toasts } from "./toasts.js";

type Props = {
  readonly title: string;
  readonly shape?: "box" | "panel";
  readonly testId: string;
  readonly children: ComponentChildren;
};

export function Dialog({ title, shape = "box", testId, children }: Props): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const shown = dialog.current;
    if (shown === null) {
      return;
    }
    shown.showModal();
    // The browser tells of a closed dialog a moment later, when another one may have taken its place already.
    shown.addEventListener("close", closeDialog);
    return () => {
      shown.removeEventListener("close", closeDialog);
      shown.close();
    };
  }, []);
  // A press that starts and ends on the backdrop closes; one that only ends there (a text being selected) does not.
  const onPointerDown = (event: PointerEvent): void => {
    if (event.target === dialog.current) {
      closeDialog();
    }
  };
  return (
    <dialog
      ref={dialog}
      class={`dialog dialog-${shape}`}
      aria-labelledby={heading}
      data-testid={testId}
      onPointerDown={onPointerDown}
    >
      <div class="dialog-inside">
        <header class="dialog-head">
          <h2 id={heading}>{title}</h2>
          <button
            type="button"
            class="button-plain"
            aria-label="Close"
            data-testid="close-dialog"
            onClick={closeDialog}
          >
            <Close />
          </button>
        </header>
        {children}
      </div>
      <Toasts />
    </dialog>
  );
}
