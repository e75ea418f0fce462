// The dialog that makes a new list.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { closeDialog } from "../model/dialogs.js";
import { createList, freeColour } from "../model/lists.js";
import { addresses, goTo } from "../model/route.js";
import type { ListKind } from "../model/types.js";
import { useHousehold } from "./context.js";
import { Dialog } from "./dialog.js";
import { ColourChoice, KindChoice } from "./list-look.js";
import { kindLooks } from "./looks.js";

export function NewListDialog(): JSX.Element {
  const household = useHousehold();
  const [title, setTitle] = useState("");
  const [kind, setKind] = useState<ListKind>("shopping");
  const [colour, setColour] = useState(() => freeColour(household));
  const create = (event: Event): void => {
    event.preventDefault();
    const name = title.trim() || (kind === "plain" ? "New list" : kindLooks[kind].name);
    closeDialog();
    goTo(addresses.list(createList(household, name, kind, colour)));
  };
  return (
    <Dialog title="New list" testId="new-list-dialog">
      <form class="form" onSubmit={create}>
        <label class="field">
          <span>Name</span>
          <input
            type="text"
            autofocus
            autocomplete="off"
            maxLength={120}
            placeholder={kind === "plain" ? "Packing, gifts, films…" : kindLooks[kind].name}
            data-testid="new-list-title"
            value={title}
            onInput={(event) => setTitle(event.currentTarget.value)}
          />
        </label>
        <KindChoice kind={kind} onKind={setKind} />
        <ColourChoice colour={colour} onColour={setColour} />
        <div class="form-foot">
          <button type="button" class="button-quiet" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="button-strong" data-testid="create-list">
            Create list
          </button>
        </div>
      </form>
    </Dialog>
  );
}
