// Home: every list as a small house with its open items, every note as a sheet. Things can be ticked right here.

import type { JSX } from "preact";
import { openDialog } from "../model/dialogs.js";
import { itemsOf, listsInOrder, tickItem } from "../model/lists.js";
import { createNote, notesLatestFirst } from "../model/notes.js";
import { addresses, goTo } from "../model/route.js";
import { now, sayWhen } from "../model/times.js";
import type { Item, Kept, List, Note } from "../model/types.js";
import { useHousehold } from "./context.js";
import { Plus } from "./icons.js";
import { kindLooks, titleOf } from "./looks.js";
import { Tick } from "./tick.js";
import { Welcome } from "./welcome.js";

/** How many open items a house shows. */
const shownItems = 6;

export function Home(): JSX.Element {
  const household = useHousehold();
  const lists = listsInOrder(household);
  const notes = notesLatestFirst(household);
  const mayWrite = household.members.mayWrite.value;
  if (lists.length === 0 && notes.length === 0) {
    return mayWrite ? <Welcome /> : <NothingYet />;
  }
  return (
    <div class="home">
      <h1 class="visually-hidden">Home</h1>
      <section aria-labelledby="home-lists">
        <div class="home-heading">
          <h2 id="home-lists">Lists</h2>
          {mayWrite && (
            <button
              type="button"
              class="button-quiet"
              data-testid="new-list"
              onClick={() => (openDialog.value = "new-list")}
            >
              <Plus /> New list
            </button>
          )}
        </div>
        {lists.length === 0 && <p class="home-none">No lists yet.</p>}
        <ul class="street">
          {lists.map((list) => (
            <HouseCard key={list.id} list={list} items={itemsOf(household, list.id)} />
          ))}
        </ul>
      </section>
      <section aria-labelledby="home-notes">
        <div class="home-heading">
          <h2 id="home-notes">Notes</h2>
          {mayWrite && (
            <button
              type="button"
              class="button-quiet"
              data-testid="new-note"
              onClick={() => goTo(addresses.note(createNote(household)))}
            >
              <Plus /> New note
            </button>
          )}
        </div>
        {notes.length === 0 && <p class="home-none">No notes yet.</p>}
        <ul class="sheets">
          {notes.map((note) => (
            <SheetCard key={note.id} note={note} />
          ))}
        </ul>
      </section>
    </div>
  );
}

/** A reader's first page, before anybody has written anything or all of it has arrived. */
function NothingYet(): JSX.Element {
  return (
    <section class="blank" data-testid="nothing-yet">
      <h1>Nothing here yet</h1>
      <p>This device reads along. What the others write appears here by itself.</p>
    </section>
  );
}

type HouseProps = { readonly list: Kept<List>; readonly items: readonly Kept<Item>[] };

function HouseCard({ list, items }: HouseProps): JSX.Element {
  const household = useHousehold();
  const open = items.filter((item) => !item.done);
  const more = open.length - shownItems;
  return (
    <li class={`house colour-${list.colour}`} data-testid="list" data-id={list.id}>
      <div class="house-roof" aria-hidden="true" />
      <div class="house-wall">
        <h3 class="house-title">
          <a class="house-link" href={addresses.list(list.id)} data-testid="list-link">
            {titleOf(list)}
          </a>
          <span class="house-kind">{kindLooks[list.kind].icon()}</span>
        </h3>
        <ul class="house-items">
          {open.slice(0, shownItems).map((item) => (
            <li key={item.id} class="house-item">
              <Tick item={item} testId="home-item-done" onTick={(done) => tickItem(household, item.id, done)} />
              <span class="house-item-text">{item.text}</span>
            </li>
          ))}
        </ul>
        <p class="house-foot">{foot(items.length, open.length, more)}</p>
      </div>
    </li>
  );
}

function foot(all: number, open: number, more: number): string {
  if (all === 0) {
    return "Nothing on it yet";
  }
  if (open === 0) {
    return "All done";
  }
  if (more > 0) {
    return `and ${more} more`;
  }
  return `${all - open} of ${all} done`;
}

function SheetCard({ note }: { readonly note: Kept<Note> }): JSX.Element {
  return (
    <li class="sheet" data-testid="note" data-id={note.id}>
      <h3 class="sheet-title">
        <a class="sheet-link" href={addresses.note(note.id)} data-testid="note-link">
          {note.title || "Untitled note"}
        </a>
      </h3>
      <p class="sheet-body">{note.body.value || "Empty"}</p>
      <p class="sheet-foot">{sayWhen(note.updatedAt.getTime(), now.value)}</p>
    </li>
  );
}
