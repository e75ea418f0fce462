// How kinds and colours of lists are called and drawn.

import type { JSX } from "preact";
import type { List, ListColour, ListKind } from "../model/types.js";
import { Basket, Broom, Lines } from "./icons.js";

type KindLook = {
  readonly name: string;
  readonly adding: string;
  readonly done: string;
  readonly icon: () => JSX.Element;
};

export const kindLooks: Readonly<Record<ListKind, KindLook>> = {
  shopping: { name: "Shopping", adding: "Add something to buy", done: "In the basket", icon: () => <Basket /> },
  chores: { name: "Chores", adding: "Add a chore", done: "Done", icon: () => <Broom /> },
  plain: { name: "Anything else", adding: "Add an item", done: "Done", icon: () => <Lines /> },
};

export const colourNames: Readonly<Record<ListColour, string>> = {
  sea: "Sea",
  kelp: "Kelp",
  buoy: "Buoy",
  sand: "Sand",
  slate: "Slate",
  heather: "Heather",
};

export function titleOf(list: Pick<List, "title">): string {
  return list.title === "" ? "Untitled list" : list.title;
}
