// Messages at the foot of the page. They stay while somebody points at them or is in them.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { dismiss, toasts, type Toast } from "../model/toasts.js";
import { Close, Warning } from "./icons.js";

/** How long a message stays, in milliseconds; problems stay until they are closed. */
const stayMs = 8000;

export function Toasts(): JSX.Element {
  return (
    <section class="toasts" aria-label="Messages">
      <div role="status" aria-live="polite">
        {toasts.value
          .filter((toast) => toast.tone === "done")
          .map((toast) => (
            <OneToast key={toast.id} toast={toast} />
          ))}
      </div>
      <div role="alert">
        {toasts.value
          .filter((toast) => toast.tone === "problem")
          .map((toast) => (
            <OneToast key={toast.id} toast={toast} />
          ))}
      </div>
    </section>
  );
}

function OneToast({ toast }: { readonly toast: Toast }): JSX.Element {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held || toast.tone === "problem") {
      return;
    }
    const timer = setTimeout(() => dismiss(toast.id), stayMs);
    return () => clearTimeout(timer);
  }, [held, toast]);
  const undo = toast.undo;
  return (
    <div
      class={`toast toast-${toast.tone}`}
      data-testid="toast"
      data-code={toast.code ?? undefined}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocusCapture={() => setHeld(true)}
      onBlurCapture={() => setHeld(false)}
    >
      {toast.tone === "problem" && <Warning />}
      <span class="toast-text">{toast.text}</span>
      {undo !== null && (
        <button
          type="button"
          class="button-quiet toast-undo"
          data-testid="undo"
          onClick={() => {
            dismiss(toast.id);
            undo();
          }}
        >
          Undo
        </button>
      )}
      <button type="button" class="button-plain" aria-label="Close message" onClick={() => dismiss(toast.id)}>
        <Close />
      </button>
    </div>
  );
}
