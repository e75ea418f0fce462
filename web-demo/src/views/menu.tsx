// A button with a small menu: arrow keys move, Escape and a press elsewhere close.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

export type MenuEntry = {
  readonly label: string;
  readonly icon: JSX.Element;
  readonly testId?: string;
  readonly disabled?: boolean;
  readonly act: () => void;
};

type Props = {
  readonly label: string;
  readonly entries: readonly MenuEntry[];
  readonly testId: string;
  readonly class?: string;
  readonly children: ComponentChildren;
  readonly onPointerDown?: (event: PointerEvent) => void;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  /** Says that the press was something else (a drag) and must not open the menu. */
  readonly swallowsPress?: () => boolean;
};

export function MenuButton(props: Props): JSX.Element {
  const [open, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!open) {
      return;
    }
    place.current?.querySelector<HTMLElement>("[role=menuitem]:not(:disabled)")?.focus();
    const onPress = (event: PointerEvent): void => {
      if (!(event.target instanceof Node) || !place.current?.contains(event.target)) {
        setOpen(false);
      }
    };
    addEventListener("pointerdown", onPress);
    return () => removeEventListener("pointerdown", onPress);
  }, [open]);
  const onMenuKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      event.stopPropagation();
      close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      moveFocus(place.current, event.key === "ArrowDown" ? 1 : -1);
    }
  };
  return (
    <div class="menu-place" ref={place}>
      <button
        ref={button}
        type="button"
        class={props.class ?? "button-plain"}
        aria-label={props.label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        data-testid={props.testId}
        onPointerDown={props.onPointerDown}
        onKeyDown={props.onKeyDown}
        onClick={() => {
          if (!props.swallowsPress?.()) {
            setOpen(!open);
          }
        }}
      >
        {props.children}
      </button>
      {open && (
        <div class="menu" role="menu" id={id} aria-label={props.label} tabIndex={-1} onKeyDown={onMenuKey}>
          {props.entries.map((entry) => (
            <button
              key={entry.label}
              type="button"
              role="menuitem"
              class="menu-entry"
              tabIndex={-1}
              disabled={entry.disabled}
              data-testid={entry.testId}
              onClick={() => {
                close();
                entry.act();
              }}
            >
              {entry.icon}
              {entry.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function moveFocus(place: HTMLElement | null, step: number): void {
  const entries = [...(place?.querySelectorAll<HTMLElement>("[role=menuitem]:not(:disabled)") ?? [])];
  const at = entries.findIndex((entry) => entry === document.activeElement);
  entries[(at + step + entries.length) % entries.length]?.focus();
}
