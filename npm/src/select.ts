/** Selections of documents that the page must migrate before anything of them can be selected; the engine makes all others. */

type Fields = Record<string, unknown>;

/** The parts of a document at these paths, by the rules of `docs/queries.md`. */
export function select(document: object, paths: readonly string[]): object {
  const steps = paths.map((path) => path.split("."));
  return cut(document as Fields, steps);
}

function cut(fields: Fields, paths: readonly (readonly string[])[]): Fields {
  const kept: [string, unknown][] = [];
  for (const [key, value] of Object.entries(fields)) {
    const rests = paths.filter(([first]) => first === key).map((path) => path.slice(1));
    if (rests.some((rest) => rest.length === 0)) {
      kept.push([key, value]);
    } else if (rests.length > 0 && isFields(value)) {
      kept.push([key, cut(value, rests)]);
    } else if (rests.length > 0 && Array.isArray(value)) {
      kept.push([key, value.filter(isFields).map((item) => cut(item, rests))]);
    }
  }
  return Object.fromEntries(kept);
}

function isFields(value: unknown): value is Fields {
  const prototype: unknown = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  return prototype === Object.prototype || prototype === null;
}
