// Who else has the household open just now, which note they are in, and where their caret is. Nothing of it is kept.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { Database, Peer } from "ashore";
import { listColours, type ListColour } from "./types.js";

/** A selection by names of places that stay where they are while others type; `anchor` is where it began. */
export type Caret = { readonly anchor: string; readonly head: string };

/** Another device of the household, or another tab of this one. */
export type Other = {
  readonly key: string;
  readonly name: string;
  /** The same on every device. */
  readonly colour: ListColour;
  readonly device: string | null;
  readonly note: string | null;
  readonly caret: Caret | null;
};

export class Company {
  readonly #database: Database;
  readonly #others = signal<readonly Other[]>([]);
  /** When a device that has gone was here last, since this page was opened. */
  readonly #lastHere = signal<ReadonlyMap<string, number>>(new Map());

  constructor(database: Database) {
    this.#database = database;
    for (const name of ["join", "change", "leave"] as const) {
      database.presence.on(name, () => void (this.#others.value = database.presence.peers.map(parseOther)));
    }
    database.presence.on("leave", ({ device }) => {
      if (device !== null) {
        this.#lastHere.value = new Map(this.#lastHere.value).set(device, Date.now());
      }
    });
    this.show(null, null);
  }

  isHere(device: string): boolean {
    return this.#others.value.some((other) => other.device === device);
  }

  /** `null` when it was not heard since this page was opened. */
  lastHere(device: string): number | null {
    return this.#lastHere.value.get(device) ?? null;
  }

  get others(): ReadonlySignal<readonly Other[]> {
    return this.#others;
  }

  /** Those who have this note open. */
  inNote(note: string): readonly Other[] {
    return this.#others.value.filter((other) => other.note === note);
  }

  /** Tells the others where this page is. It may fail without harm: whoever is not shown can work all the same. */
  show(note: string | null, caret: Caret | null): void {
    this.#database.presence.set({ note, caret }).catch(() => {});
  }
}

/** What others say is what another version of this app made of it, or anything at all. */
function parseOther({ device, handle, name, state, isThisDevice }: Peer): Other {
  const said = (typeof state === "object" && state !== null ? state : {}) as { note?: unknown; caret?: unknown };
  return {
    key: `${device}/${handle}`,
    name: isThisDevice ? "Another tab" : name || "A device",
    colour: colourOf(device ?? handle),
    device,
    note: typeof said.note === "string" ? said.note : null,
    caret: parseCaret(said.caret),
  };
}

function parseCaret(value: unknown): Caret | null {
  const { anchor, head } = (typeof value === "object" && value !== null ? value : {}) as Partial<Caret>;
  return typeof anchor === "string" && typeof head === "string" ? { anchor, head } : null;
}

/** A device keeps its colour: by its id, which nobody chooses. */
function colourOf(id: string): ListColour {
  const number = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_521, 7);
  return listColours[number % listColours.length] as ListColour;
}
