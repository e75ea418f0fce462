// The first page of an empty household: a quiet picture, two ways to begin, and a third for those who have begun elsewhere.

import type { JSX } from "preact";
import { openDialog } from "../model/dialogs.js";
import { createList, freeColour } from "../model/lists.js";
import { createNote } from "../model/notes.js";
import { addresses, goTo } from "../model/route.js";
import { useHousehold } from "./context.js";
import { Basket, Sheet } from "./icons.js";
import { Shore } from "./shore.js";

export function Welcome(): JSX.Element {
  const household = useHousehold();
  const startShopping = (): void =>
    goTo(addresses.list(createList(household, "Shopping", "shopping", freeColour(household))));
  return (
    <div class="welcome" data-testid="welcome">
      <Shore />
      <h1>A place for what the house needs to remember</h1>
      <p class="welcome-lead">
        Lists and notes that live on your devices, work without a network, and stay between the people you share them
        with.
      </p>
      <div class="welcome-starts">
        <button type="button" class="start" data-testid="start-shopping" onClick={startShopping}>
          <span class="start-glyph colour-sea">
            <Basket />
          </span>
          <span class="start-words">
            <strong>Start a shopping list</strong>
            <span>Add things as they run out</span>
          </span>
        </button>
        <button
          type="button"
          class="start"
          data-testid="start-note"
          onClick={() => goTo(addresses.note(createNote(household)))}
        >
          <span class="start-glyph colour-sand">
            <Sheet />
          </span>
          <span class="start-words">
            <strong>Write a note</strong>
            <span>The Wi-Fi code, the plumber, a recipe</span>
          </span>
        </button>
      </div>
      <p class="welcome-else">
        <button
          type="button"
          class="button-link"
          data-testid="new-list"
          onClick={() => (openDialog.value = "new-list")}
        >
          Another kind of list
        </button>
        <button type="button" class="button-link" data-testid="open-join" onClick={() => (openDialog.value = "join")}>
          I have a pairing code
        </button>
        <button
          type="button"
          class="button-link"
          data-testid="open-recover"
          onClick={() => (openDialog.value = "recover")}
        >
          All my devices are lost
        </button>
      </p>
    </div>
  );
}
