// One list: its name, what is open, what is done, and the line to add to it.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import {
  deleteItems,
  deleteList,
  editList,
  itemsOf,
  listsInOrder,
  moveItem,
  moveList,
  tickItem,
} from "../model/lists.js";
import { addresses, replaceWith } from "../model/route.js";
import type { Item, Kept, List } from "../model/types.js";
import { AddItem } from "./add-item.js";
import { useHousehold } from "./context.js";
import { EditableTitle, ReadTitle } from "./editable-title.js";
import { focusBeside } from "./focus.js";
import { Back, Bin, Down, More, Sliders, Up } from "./icons.js";
import { ItemRow } from "./item.js";
import { ListLook } from "./list-look.js";
import { kindLooks, titleOf } from "./looks.js";
import { MenuButton } from "./menu.js";
import { useReorder } from "./reorder.js";

export function ListPage({ id }: { readonly id: string }): JSX.Element {
  const list = useHousehold().lists.find(id);
  useEffect(() => {
    document.title = list === null ? "Saltbox" : `${titleOf(list)} · Saltbox`;
    return () => void (document.title = "Saltbox");
  }, [list?.title]);
  return list === null ? <GoneList /> : <ShownList list={list} />;
}

function GoneList(): JSX.Element {
  return (
    <section class="blank" data-testid="gone">
      <h1>This list is not here</h1>
      <p>It was deleted, or it has not arrived on this device yet.</p>
      <a class="button-strong" href={addresses.home}>
        Go home
      </a>
    </section>
  );
}

function ShownList({ list }: { readonly list: Kept<List> }): JSX.Element {
  const household = useHousehold();
  const [looking, setLooking] = useState(false);
  const mayWrite = household.members.mayWrite.value;
  const lists = listsInOrder(household);
  const place = lists.findIndex((one) => one.id === list.id);
  const items = itemsOf(household, list.id);
  const open = items.filter((item) => !item.done);
  const done = items.filter((item) => item.done);
  const remove = (): void => {
    deleteList(household, list);
    replaceWith(addresses.home);
  };
  return (
    <article class={`page list-page colour-${list.colour}`} data-testid="list-page" data-id={list.id}>
      <div class="page-roof" aria-hidden="true" />
      <div class="page-wall">
        <header class="page-head">
          <a class="button-plain narrow-only" href={addresses.home} aria-label="Back to home">
            <Back />
          </a>
          {mayWrite ? (
            <EditableTitle
              title={list.title}
              label="Name of the list"
              placeholder="Untitled list"
              testId="list-title"
              onTitle={(title) => editList(household, list.id, { title })}
            />
          ) : (
            <ReadTitle title={titleOf(list)} testId="list-title" />
          )}
          {mayWrite && (
            <MenuButton
              label={`Options of ${titleOf(list)}`}
              testId="list-menu"
              entries={[
                { label: "Kind and colour", icon: <Sliders />, testId: "list-look", act: () => setLooking(!looking) },
                {
                  label: "Move up",
                  icon: <Up />,
                  testId: "list-up",
                  disabled: place === 0,
                  act: () => moveList(household, list.id, -1),
                },
                {
                  label: "Move down",
                  icon: <Down />,
                  testId: "list-down",
                  disabled: place === lists.length - 1,
                  act: () => moveList(household, list.id, 1),
                },
                { label: "Delete list", icon: <Bin />, testId: "delete-list", act: remove },
              ]}
            >
              <More />
            </MenuButton>
          )}
        </header>
        {looking && mayWrite && <ListLook list={list} onDone={() => setLooking(false)} />}
        {mayWrite && <AddItem list={list} />}
        <OpenItems items={open} list={list} />
        {done.length > 0 && <DoneItems items={done} list={list} />}
      </div>
    </article>
  );
}

type ItemsProps = { readonly items: readonly Kept<Item>[]; readonly list: Kept<List> };

function OpenItems({ items, list }: ItemsProps): JSX.Element {
  const household = useHousehold();
  const rows = useRef<HTMLUListElement>(null);
  const move = (id: string, index: number): void => moveItem(household, items, id, index);
  const reorder = useReorder(rows, move);
  const tick = (item: Kept<Item>, done: boolean): void => {
    focusBeside(item.id, ".tick-box");
    tickItem(household, item.id, done);
  };
  if (items.length === 0) {
    return <p class="list-clear">{list.kind === "shopping" ? "Nothing to buy." : "Nothing to do."}</p>;
  }
  return (
    <ul class="items" ref={rows} aria-label="Open items" data-testid="open-items">
      {items.map((item, index) => (
        <ItemRow
          key={item.id}
          item={item}
          index={index}
          count={items.length}
          onTick={(done) => tick(item, done)}
          onMove={(to) => move(item.id, to)}
          reorder={reorder}
        />
      ))}
    </ul>
  );
}

function DoneItems({ items, list }: ItemsProps): JSX.Element {
  const household = useHousehold();
  const name = kindLooks[list.kind].done;
  const clear = (): void => {
    const count = items.length === 1 ? "1 item" : `${items.length} items`;
    deleteItems(household, items, `Cleared ${count}`);
  };
  return (
    <section class="done" aria-labelledby="done-heading">
      <div class="done-head">
        <h2 id="done-heading">
          {name} <span class="done-count">{items.length}</span>
        </h2>
        {household.members.mayWrite.value && (
          <button type="button" class="button-quiet" data-testid="clear-done" onClick={clear}>
            Clear
          </button>
        )}
      </div>
      <ul class="items" data-testid="done-items">
        {items.map((item, index) => (
          <ItemRow
            key={item.id}
            item={item}
            index={index}
            count={items.length}
            onTick={(done) => tickItem(household, item.id, done)}
            onMove={(to) => moveItem(household, items, item.id, to)}
            reorder={null}
          />
        ))}
      </ul>
    </section>
  );
}
