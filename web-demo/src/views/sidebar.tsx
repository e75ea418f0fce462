// The way around, beside the page on wide screens: home, the devices, every list, every note.

import type { ComponentChildren, JSX } from "preact";
import { openDialog } from "../model/dialogs.js";
import { itemsOf, listsInOrder } from "../model/lists.js";
import { createNote, notesLatestFirst } from "../model/notes.js";
import { addresses, goTo, route } from "../model/route.js";
import { useHousehold } from "./context.js";
import { House, Laptop, Plus, Sheet } from "./icons.js";
import { kindLooks, titleOf } from "./looks.js";

export function Sidebar(): JSX.Element {
  const household = useHousehold();
  const shown = route.value;
  const mayWrite = household.members.mayWrite.value;
  return (
    <nav class="sidebar" aria-label="The household">
      <SideLink href={addresses.home} current={shown.page === "home"}>
        <House />
        <span class="side-title">Home</span>
      </SideLink>
      <SideLink href={addresses.devices} current={shown.page === "devices"} testId="side-devices">
        <Laptop />
        <span class="side-title">Devices</span>
      </SideLink>
      <SideHeading
        title="Lists"
        add="New list"
        testId="new-list"
        onAdd={mayWrite ? () => (openDialog.value = "new-list") : null}
      />
      <ul class="side-list">
        {listsInOrder(household).map((list) => (
          <li key={list.id}>
            <SideLink
              href={addresses.list(list.id)}
              current={shown.page === "list" && shown.id === list.id}
              testId="side-list"
            >
              <span class={`side-glyph colour-${list.colour}`}>{kindLooks[list.kind].icon()}</span>
              <span class="side-title">{titleOf(list)}</span>
              <OpenCount count={itemsOf(household, list.id).filter((item) => !item.done).length} />
            </SideLink>
          </li>
        ))}
      </ul>
      <SideHeading
        title="Notes"
        add="New note"
        testId="new-note"
        onAdd={mayWrite ? () => goTo(addresses.note(createNote(household))) : null}
      />
      <ul class="side-list">
        {notesLatestFirst(household).map((note) => (
          <li key={note.id}>
            <SideLink
              href={addresses.note(note.id)}
              current={shown.page === "note" && shown.id === note.id}
              testId="side-note"
            >
              <Sheet />
              <span class="side-title">{note.title || "Untitled note"}</span>
            </SideLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function OpenCount({ count }: { readonly count: number }): JSX.Element | null {
  if (count === 0) {
    return null;
  }
  return (
    <span class="side-count">
      {count}
      <span class="visually-hidden"> open</span>
    </span>
  );
}

type LinkProps = {
  readonly href: string;
  readonly current: boolean;
  readonly testId?: string;
  readonly children: ComponentChildren;
};

function SideLink({ href, current, testId, children }: LinkProps): JSX.Element {
  return (
    <a class="side-link" href={href} aria-current={current ? "page" : undefined} data-testid={testId}>
      {children}
    </a>
  );
}

type HeadingProps = {
  readonly title: string;
  readonly add: string;
  readonly testId: string;
  /** `null` where nothing may be added. */
  readonly onAdd: (() => void) | null;
};

function SideHeading({ title, add, testId, onAdd }: HeadingProps): JSX.Element {
  return (
    <div class="side-heading">
      <h2>{title}</h2>
      {onAdd !== null && (
        <button
          type="button"
          class="button-plain"
          aria-label={add}
          title={add}
          data-testid={`side-${testId}`}
          onClick={onAdd}
        >
          <Plus />
        </button>
      )}
    </div>
  );
}
