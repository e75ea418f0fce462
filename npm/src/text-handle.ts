/**
 * A collaborative text of one document, as it is typed. Each edit is made at the version that this handle has, and others' changes are taken over
 * only while nothing of its own is on the way: so what a handle shows is always exactly one version, and no position has to be guessed.
 */

import { checkSplice } from "./collaborative-text.js";
import type { Documents, WriteOptions } from "./documents.js";
import type { Unsubscribe } from "./emitter.js";
import { AshoreError } from "./errors.js";
import type { Event } from "./generated/Event.js";
import type { TextAnswer } from "./generated/TextAnswer.js";
import type { TextAsk } from "./generated/TextAsk.js";
import type { TextEdit } from "./generated/TextEdit.js";
import type { TextExpand } from "./generated/TextExpand.js";
import type { TextSplice } from "./generated/TextSplice.js";
import { fromJson, toJson } from "./json.js";
import { isWellFormed } from "./text.js";
import { migrateOne } from "./upkeep.js";
import { keyOf } from "./versions.js";

/** What the value of a mark may be; `null` takes the mark away. */
export type MarkValue = null | boolean | number | string | bigint | Date | Uint8Array;

/** A mark of a text: its part from `start` up to `end`. */
export interface TextMark {
  readonly start: number;
  readonly end: number;
  readonly name: string;
  readonly value: MarkValue;
}

/** What others changed. */
export interface TextChange {
  /** One after another: the positions of each are in what the ones before left. */
  readonly splices: readonly TextSplice[];
  /** Marks were set or taken away, too: ask for them again. */
  readonly marks: boolean;
}

/** What a mark may be given. */
export interface MarkOptions extends WriteOptions {
  /** Which ends grow with what is typed there; the end unless told. */
  readonly expand?: TextExpand | undefined;
}

type AnswerOf<Kind extends string> = Extract<TextAnswer, Record<Kind, unknown>>[Kind &
  keyof Extract<TextAnswer, Record<Kind, unknown>>];

type KindsOf<Union> = Union extends unknown ? keyof Union : never;
type AnswerKind = KindsOf<TextAnswer>;

/** Edits that go to the engine in one call, as one change; nobody else is answered meanwhile. What one call of the app has stays together. */
const MAX_EDITS = 5_000;

interface Edit {
  readonly op: string;
  readonly edits: readonly TextEdit[];
  readonly durability: WriteOptions["durability"];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Something that is asked at the version that has the edits before it. */
interface Question {
  readonly ask: () => Promise<void>;
}

/**
 * A text in a document, to be edited where it is: a key costs its splice, not the text. Get one from {@link Collection.text}.
 *
 * @example
 * ```ts
 * const body = notes.text("n1", "body");
 * show(await body.read());
 * body.subscribe(({ splices }) => splices.forEach(apply));
 * await body.splice(0, 3, "Three");
 * ```
 */
export class TextHandle {
  readonly #documents: Documents;
  readonly #collection: string;
  readonly #id: string;
  readonly #listeners = new Set<(change: TextChange) => void>();
  readonly #queue: (Edit | Question)[] = [];
  readonly #stops: Unsubscribe[] = [];
  #path: string;
  #value: string | null = null;
  #version = "";
  #opening: Promise<void> | null = null;
  #behind = false;
  #running = false;
  #closed = false;

  /** @internal Use {@link Collection.text}. */
  constructor(documents: Documents, collection: string, id: string, path: string) {
    this.#documents = documents;
    this.#collection = collection;
    this.#id = id;
    this.#path = path;
  }

  /** The text as this handle has it, with everything that was told to its subscribers and its own edits; `null` before the first `read`. */
  get value(): string | null {
    return this.#value;
  }

  /**
   * The text. From here on this handle follows what others write, until it is closed.
   *
   * @throws {@link AshoreError} `text.missing`: there is no such document, or no text and no string at the path; `document.invalid`: the document is of
   * an older version and could not be migrated.
   */
  async read(): Promise<string> {
    await this.#open("read");
    return this.#value as string;
  }

  /** Takes `deleteCount` units out at `at` and puts `insert` in their place. Resolves when that is durable here; `value` has it at once. */
  async splice(at: number, deleteCount: number, insert = "", options: WriteOptions = {}): Promise<void> {
    await this.#edit("splice", [{ splice: { at, delete: deleteCount, insert } }], options);
  }

  /** Several splices as one change: the positions of each are in what the ones before left. */
  async edit(splices: readonly TextSplice[], options: WriteOptions = {}): Promise<void> {
    await this.#edit(
      "edit",
      splices.map((splice) => ({ splice: { ...splice } })),
      options,
    );
  }

  /** Makes it `text`; what is stored is the difference. */
  async update(text: string, options: WriteOptions = {}): Promise<void> {
    await this.#edit("update", [{ update: { text } }], options);
  }

  /** Gives the part from `start` up to `end` a mark, such as `bold` or a link. Of marks of one name there is one at each place. */
  async mark(start: number, end: number, name: string, value: MarkValue, options: MarkOptions = {}): Promise<void> {
    const { expand = "after" } = options;
    await this.#edit("mark", [{ mark: { start, end, name, value: toJson({ value }), expand } }], options);
  }

  /** Takes marks of this name away from a part. */
  async unmark(start: number, end: number, name: string, options: MarkOptions = {}): Promise<void> {
    await this.mark(start, end, name, null, { expand: "none", ...options });
  }

  /** The marks, in the order of their beginnings. */
  async marks(): Promise<TextMark[]> {
    const { marks } = await this.#ask("marks", "marks", (version) => ({ marks: { version } }));
    return fromJson(marks, true) as TextMark[];
  }

  /** A name for the place before a unit, or for the end, that stays with its neighbour whatever others write; it can be kept and sent. */
  async cursor(position: number): Promise<string> {
    return (await this.#ask("cursor", "cursor", (version) => ({ cursor: { version, position } }))).cursor;
  }

  /** Where a cursor is. @throws {@link AshoreError} `text.unknown-cursor` */
  async position(cursor: string): Promise<number> {
    return (await this.#ask("position", "position", (version) => ({ position: { version, cursor } }))).position;
  }

  /** Calls `listener` for what others changed, in other tabs and on other devices, right after `value` has it. The returned function ends it. */
  subscribe(listener: (change: TextChange) => void): Unsubscribe {
    this.#listeners.add(listener);
    this.#open("subscribe").catch(ignore);
    return () => void this.#listeners.delete(listener);
  }

  /** The same as a loop, which ends when the handle is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TextChange, void, undefined> {
    const waiting: TextChange[] = [];
    let wake = ignore;
    const off = this.subscribe((change) => {
      waiting.push(change);
      wake();
    });
    this.#stops.push(() => wake());
    try {
      while (!this.#closed) {
        for (let next = waiting.shift(); next; next = waiting.shift()) {
          yield next;
        }
        if (this.#closed) {
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      off();
    }
  }

  /** Follows nobody any more. What was edited is still stored. */
  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    for (const stop of this.#stops.splice(0)) {
      stop();
    }
  }

  // Opening: the whole text once, then only what changes.

  #open(op: string): Promise<void> {
    if (this.#closed) {
      return Promise.reject(new AshoreError("request.invalid", "The text was closed.", { op }));
    }
    this.#opening ??= this.#load(op).catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  async #load(op: string): Promise<void> {
    this.#documents.checkOpen(op);
    if (this.#stops.length === 0) {
      this.#follow();
    }
    const read = await this.#read(op);
    this.#value = read.text;
    this.#version = read.version;
    void this.#run();
  }

  /** The whole text. An edit is of the app's own shape, so a document of an older one is migrated before it is read. */
  async #read(op: string): Promise<AnswerOf<"read">> {
    await migrateOne(this.#documents, op, this.#collection, this.#id);
    return this.#question(op, "read", { read: {} });
  }

  #follow(): void {
    const { client } = this.#documents;
    const behind = (): void => {
      this.#behind = true;
      void this.#run();
    };
    this.#stops.push(
      this.#documents.listen(),
      client.events.on("event", (event) => {
        if (this.#concerns(event)) {
          behind();
        }
      }),
      client.events.on("started", behind),
    );
  }

  #concerns(event: Event): boolean {
    if (!("changed" in event)) {
      return false;
    }
    const { changes, missed } = event.changed;
    return missed || changes.some(({ collection, ids }) => collection === this.#collection && ids.includes(this.#id));
  }

  // Edits: seen at once, sent in order, those that wait as one change, or as a few when there are many.

  async #edit(op: string, edits: readonly TextEdit[], { durability }: WriteOptions): Promise<void> {
    this.#documents.checkOpen(op);
    // No waiting once it is open: a position is about what the caller sees now.
    if (this.#value === null || this.#closed) {
      await this.#open(op);
    }
    this.#value = edits.reduce(edited, this.#value as string);
    await new Promise<void>((resolve, reject) => {
      this.#queue.push({ op, edits, durability, resolve, reject });
      void this.#run();
    });
  }

  async #ask<Kind extends AnswerKind>(
    op: string,
    kind: Kind,
    ask: (version: string) => TextAsk,
  ): Promise<AnswerOf<Kind>> {
    this.#documents.checkOpen(op);
    if (this.#value === null || this.#closed) {
      await this.#open(op);
    }
    return this.#inTurn(() => this.#question(op, kind, ask(this.#version)));
  }

  #inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ ask: () => work().then(resolve, reject) });
      void this.#run();
    });
  }

  async #question<Kind extends AnswerKind>(op: string, kind: Kind, ask: TextAsk): Promise<AnswerOf<Kind>> {
    const text = { collection: this.#collection, id: this.#id, path: this.#path, ask };
    const { answer } = await this.#documents.pending.read([this.#key], () =>
      this.#documents.ask([this.#collection], { text }, "text", { op }),
    );
    const held = (answer as Record<string, unknown>)[kind];
    if (held === undefined) {
      throw new AshoreError("internal", `The answer to ${op} was of another kind.`, { op });
    }
    return held as AnswerOf<Kind>;
  }

  /** Sends what waits, then takes over what others wrote; one at a time. */
  async #run(): Promise<void> {
    if (this.#running || this.#value === null) {
      return;
    }
    this.#running = true;
    try {
      for (;;) {
        const next = this.#queue[0];
        if (next && "ask" in next) {
          this.#queue.shift();
          await next.ask();
        } else if (next) {
          await this.#send(next);
        } else if (this.#behind && !this.#closed) {
          await this.#catchUp();
        } else {
          return;
        }
      }
    } finally {
      this.#running = false;
    }
  }

  async #send({ op, durability }: Edit): Promise<void> {
    const sent = this.#nextEdits(durability);
    const edits = sent.flatMap((each) => each.edits);
    const text = { collection: this.#collection, id: this.#id, path: this.#path, base: this.#version, edits };
    try {
      const [result] = await this.#documents.pending.write([this.#key], () =>
        this.#documents.write(op, [{ text }], { durability }),
      );
      if (!result || !("text" in result)) {
        throw new AshoreError("internal", "The answer to an edit was of another kind.", { op });
      }
      ({ version: this.#version, path: this.#path } = result.text);
      this.#behind ||= result.text.behind;
      sent.forEach(({ resolve }) => resolve());
    } catch (error) {
      // First what is shown, then the news: whoever hears it goes on from what is stored.
      await this.#startAgain();
      sent.forEach(({ reject }) => reject(error));
    }
  }

  /** Takes those out of the queue that can be one change. */
  #nextEdits(durability: WriteOptions["durability"]): Edit[] {
    const next: Edit[] = [];
    let count = 0;
    for (const each of this.#queue) {
      if (
        !("edits" in each) ||
        each.durability !== durability ||
        (count > 0 && count + each.edits.length > MAX_EDITS)
      ) {
        break;
      }
      next.push(each);
      count += each.edits.length;
    }
    this.#queue.splice(0, next.length);
    return next;
  }

  async #catchUp(): Promise<void> {
    this.#behind = false;
    try {
      const changes = await this.#question("changes", "changes", { changes: { since: this.#version } });
      if (this.#queue.length > 0) {
        // Something was typed meanwhile: it is sent first, and this is asked again.
        this.#behind = true;
        return;
      }
      ({ version: this.#version, path: this.#path } = changes);
      this.#take(changes);
    } catch {
      await this.#startAgain();
    }
  }

  /** What this handle has is not what is stored: it reads all of it again and tells the difference. */
  async #startAgain(): Promise<void> {
    try {
      const { text, version } = await this.#read("read");
      const splice = difference(this.#value as string, text);
      this.#version = version;
      const waiting = splice ? this.#queue.splice(0) : [];
      this.#take({ splices: splice ? [splice] : [], marks: true });
      const error = new AshoreError("request.aborted", "An edit before this one was refused.", { retry: true });
      waiting.forEach((each) => ("edits" in each ? each.reject(error) : this.#queue.push(each)));
    } catch {
      // There is no text any more, or no engine: what is written next says so, and an event may bring it back.
    }
  }

  #take({ splices, marks }: TextChange): void {
    this.#value = splices.reduce(spliced, this.#value as string);
    if (splices.length === 0 && !marks) {
      return;
    }
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener({ splices, marks });
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  get #key(): string {
    return keyOf(this.#collection, this.#id);
  }
}

/** The text after an edit; refuses what does not fit. */
function edited(value: string, edit: TextEdit): string {
  if ("splice" in edit) {
    const { at, delete: count, insert } = edit.splice;
    checkSplice(value, at, count);
    checkText(insert);
    return spliced(value, edit.splice);
  }
  if ("update" in edit) {
    checkText(edit.update.text);
    return edit.update.text;
  }
  checkSplice(value, edit.mark.start, edit.mark.end - edit.mark.start);
  return value;
}

function spliced(value: string, { at, delete: count, insert }: TextSplice): string {
  return value.slice(0, at) + insert + value.slice(at + count);
}

function checkText(insert: string): void {
  if (typeof insert !== "string" || !isWellFormed(insert)) {
    throw new AshoreError("document.not-serializable", "What is put into a text must be well-formed text.");
  }
}

/** One splice that makes `after` of `before`; none when they are the same. */
function difference(before: string, after: string): TextSplice | null {
  if (before === after) {
    return null;
  }
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) {
    start += 1;
  }
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) {
    end += 1;
  }
  return { at: start, delete: before.length - start - end, insert: after.slice(start, after.length - end) };
}

function ignore(): void {}
