/** Validators of documents: any that follow Standard Schema, version 1 (https://standardschema.dev), such as zod's, valibot's and arktype's. */

import { AshoreError } from "./errors.js";
import { toJson } from "./json.js";

/** The part of a Standard Schema validator that is used here. */
export interface Schema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a validator answers. */
export type Validated<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] };

/** A validator's own word for what is wrong. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What is wrong with a document, and where. */
export interface Issue {
  /** The way to it: `["items", 0, "name"]`; empty for the whole document. */
  readonly path: readonly (string | number)[];
  /** For people. */
  readonly message: string;
}

/** What a validator makes of a document, or what is wrong with it. */
export type Verdict =
  { readonly document: object; readonly issues: null } | { readonly document: null; readonly issues: readonly Issue[] };

/** Asks a validator. What it throws is an issue, too: one document must not stop a whole page. */
export async function validate(schema: Schema, value: object): Promise<Verdict> {
  try {
    const result = await schema["~standard"].validate(value);
    if (result.issues) {
      return { document: null, issues: result.issues.map(toIssue) };
    }
    const document: unknown = result.value;
    return typeof document === "object" && document !== null
      ? { document, issues: null }
      : refusal("The schema makes something else than a document of it.");
  } catch (error) {
    return refusal(`The schema failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * What a validator makes of a document that is to be stored. What it makes is validated again with every later put, so it must leave that alone: a schema
 * that trims, fills in defaults or turns text into dates does, one that turns text into its length does not.
 */
export async function validateToStore(schema: Schema, value: object): Promise<Verdict> {
  const made = await validate(schema, value);
  if (!made.document || toJson(made.document) === toJson(value)) {
    return made;
  }
  const again = await validate(schema, made.document);
  return again.document && toJson(again.document) === toJson(made.document)
    ? made
    : refusal("The schema does not accept, or changes, what it has made itself: it must leave alone what is stored.");
}

/** `document.invalid` with all that it is about. */
export function invalid(op: string, collection: string, id: string, issues: readonly Issue[]): AshoreError {
  const [first] = issues;
  const place = first?.path.length ? ` at \`${first.path.join(".")}\`` : "";
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  const message = `The document does not fit its schema${place}: ${first?.message ?? "no reason given"}${more}`;
  return new AshoreError("document.invalid", message, { op, collection, id, issues });
}

function refusal(message: string): Verdict {
  return { document: null, issues: [{ path: [], message }] };
}

function toIssue({ message, path = [] }: SchemaIssue): Issue {
  const keys = path.map((step) => (typeof step === "object" ? step.key : step));
  return { path: keys.map((key) => (typeof key === "number" ? key : String(key))), message };
}
