// The box that ticks an item: a real checkbox, drawn our way, with a finger's worth of space around it.

import type { JSX } from "preact";
import type { Item, Kept } from "../model/types.js";
import { useHousehold } from "./context.js";
import { Check } from "./icons.js";

type Props = {
  readonly item: Kept<Item>;
  readonly testId: string;
  readonly onTick: (done: boolean) => void;
};

export function Tick({ item, testId, onTick }: Props): JSX.Element {
  const mayWrite = useHousehold().members.mayWrite.value;
  return (
    <label class="tick">
      <input
        type="checkbox"
        class="tick-box"
        checked={item.done}
        disabled={!mayWrite}
        aria-label={item.text}
        data-testid={testId}
        onChange={(event) => onTick(event.currentTarget.checked)}
      />
      <Check class="tick-mark" />
    </label>
  );
}
