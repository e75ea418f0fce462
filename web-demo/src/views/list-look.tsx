// Choosing a list's kind and colour; used by an open list and by the dialog that makes a new one.

import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { editList } from "../model/lists.js";
import { listColours, listKinds, type Kept, type List, type ListColour, type ListKind } from "../model/types.js";
import { useHousehold } from "./context.js";
import { colourNames, kindLooks } from "./looks.js";

type LookProps = { readonly list: Kept<List>; readonly onDone: () => void };

export function ListLook({ list, onDone }: LookProps): JSX.Element {
  const household = useHousehold();
  return (
    <div class="list-look">
      <KindChoice kind={list.kind} onKind={(kind) => editList(household, list.id, { kind })} />
      <ColourChoice colour={list.colour} onColour={(colour) => editList(household, list.id, { colour })} />
      <button type="button" class="button-quiet" onClick={onDone}>
        Done
      </button>
    </div>
  );
}

type KindProps = { readonly kind: ListKind; readonly onKind: (kind: ListKind) => void };

export function KindChoice({ kind, onKind }: KindProps): JSX.Element {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend>Kind</legend>
      <div class="choice-kinds">
        {listKinds.map((one) => (
          <label key={one} class="choice-kind">
            <input
              type="radio"
              name={name}
              checked={one === kind}
              data-testid={`kind-${one}`}
              onChange={() => onKind(one)}
            />
            {kindLooks[one].icon()}
            <span>{kindLooks[one].name}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

type ColourProps = { readonly colour: ListColour; readonly onColour: (colour: ListColour) => void };

export function ColourChoice({ colour, onColour }: ColourProps): JSX.Element {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend>Colour</legend>
      <div class="choice-colours">
        {listColours.map((one) => (
          <label key={one} class={`choice-colour colour-${one}`} title={colourNames[one]}>
            <input
              type="radio"
              name={name}
              checked={one === colour}
              aria-label={colourNames[one]}
              data-testid={`colour-${one}`}
              onChange={() => onColour(one)}
            />
          </label>
        ))}
      </div>
    </fieldset>
  );
}
