// What the household keeps: lists, their items, and notes. Documents from other devices are parsed here, once.

import { Text, text as toText } from "ashore";

export const listKinds = ["shopping", "chores", "plain"] as const;
export type ListKind = (typeof listKinds)[number];

export const listColours = ["sea", "kelp", "buoy", "sand", "slate", "heather"] as const;
export type ListColour = (typeof listColours)[number];

export type List = { title: string; kind: ListKind; colour: ListColour; position: string };
export type Item = { list: string; text: string; done: boolean; position: string };
export type Note = { title: string; body: Text; updatedAt: Date };

/** A document with the id that it is kept under. */
export type Kept<T> = Readonly<T> & { readonly id: string };

export function parseList(value: unknown): List {
  const { title, kind, colour, position } = fields(value);
  return {
    title: text(title),
    kind: oneOf(listKinds, kind, "plain"),
    colour: oneOf(listColours, colour, "sea"),
    position: place(position),
  };
}

export function parseItem(value: unknown): Item {
  const { list, text: words, done, position } = fields(value);
  return { list: text(list), text: text(words), done: done === true, position: place(position) };
}

export function parseNote(value: unknown): Note {
  const { title, body, updatedAt } = fields(value);
  return {
    title: text(title),
    body: collaborative(body),
    updatedAt: updatedAt instanceof Date ? updatedAt : new Date(0),
  };
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Notes from before there were collaborative texts have a string; it becomes a text when it is edited. */
function collaborative(value: unknown): Text {
  return value instanceof Text ? value : toText(text(value));
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function place(value: unknown): string {
  return typeof value === "string" && value !== "" ? value : "a0";
}

function oneOf<T extends string>(known: readonly T[], value: unknown, otherwise: T): T {
  return known.find((one) => one === value) ?? otherwise;
}
