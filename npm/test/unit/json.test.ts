/** Documents as JSON text: what crosses, what is refused, and with which path. */

import { describe, expect, it } from "vitest";
import { text } from "../../src/collaborative-text.js";
import { type Counter, counter } from "../../src/counter.js";
import { AshoreError } from "../../src/errors.js";
import { fromJson, MAX_DEPTH, toJson } from "../../src/json.js";

const back = (document: object): unknown => fromJson(`[${toJson(document)}]`, true)[0];

function refusal(document: unknown): { code: string; message: string } {
  try {
    toJson(document);
  } catch (error) {
    expect(error).toBeInstanceOf(AshoreError);
    const { code, message } = error as AshoreError;
    return { code, message };
  }
  throw new Error("nothing was refused");
}

describe("plain documents", () => {
  it("are what JSON.stringify makes of them", () => {
    const document = { a: 1, b: [true, null, "ü👋"], c: { d: 1.5, e: {} } };
    expect(toJson(document)).toBe(JSON.stringify(document));
  });

  it("lose properties that are undefined", () => {
    expect(toJson({ a: undefined, b: { c: undefined } })).toBe('{"b":{}}');
  });

  it("lose properties that are undefined beside special values too", () => {
    expect(toJson({ a: undefined, b: 1n })).toBe('{"b":{"$ashore":["bigint","1"]}}');
  });

  it("may name one object twice", () => {
    const shared = { x: 1 };
    expect(toJson({ a: shared, b: shared })).toBe('{"a":{"x":1},"b":{"x":1}}');
  });

  it("may have no prototype", () => {
    expect(toJson(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
  });

  it("keep a field called __proto__", () => {
    const document = JSON.parse('{"__proto__":{"a":1},"at":1}') as object;
    expect(toJson(document)).toBe('{"__proto__":{"a":1},"at":1}');
  });
});

describe("special values", () => {
  it("cross as tagged objects", () => {
    expect(toJson({ at: new Date(5) })).toBe('{"at":{"$ashore":["date",5]}}');
    expect(toJson({ raw: new Uint8Array([1, 2, 255]) })).toBe('{"raw":{"$ashore":["bytes","AQL/"]}}');
    expect(toJson({ big: -(2n ** 63n) })).toBe('{"big":{"$ashore":["bigint","-9223372036854775808"]}}');
    expect(toJson({ $ashore: 1 })).toBe('{"$ashore":["object",{"$ashore":1}]}');
    expect(toJson({ zero: -0 })).toBe('{"zero":-0}');
  });

  it("counters and texts cross as tagged objects and come back", () => {
    const document = { likes: counter(-2), body: text('a "b"') };
    expect(toJson(document)).toBe('{"likes":{"$ashore":["counter",-2]},"body":{"$ashore":["text","a \\"b\\""]}}');
    expect(back(document)).toEqual(document);
  });

  it("a counter beyond what JavaScript counts stays exactly what it is until it is changed", () => {
    const written = '{"likes":{"$ashore":["counter","9007199254740993"]}}';
    const [document] = fromJson(`[${written}]`, true) as [{ likes: Counter }];
    expect(toJson(document)).toBe(written);
    document.likes.value = 3;
    expect(toJson(document)).toBe('{"likes":{"$ashore":["counter",3]}}');
  });

  it("come back as they were", () => {
    const document = {
      at: new Date(-8.64e15),
      raw: Uint8Array.from({ length: 300 }, (_, index) => index % 256),
      none: new Uint8Array(),
      big: 2n ** 64n - 1n,
      zero: -0,
      list: [1n, [new Date(1)], { $ashore: ["date", 1] }],
      nested: { $ashore: { $ashore: 1n } },
    };
    expect(back(document)).toStrictEqual(document);
  });

  it("come back under the name __proto__ without touching the prototype", () => {
    const document = JSON.parse('{"a":1}') as Record<string, unknown>;
    Object.defineProperty(document, "__proto__", { value: 7n, enumerable: true });
    const revived = back(document) as object;
    expect(Object.getPrototypeOf(revived)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(revived, "__proto__")?.value).toBe(7n);
  });
});

describe("what no document can hold is refused with its path", () => {
  class Note {
    title = "";
  }
  const cases: [string, unknown, string][] = [
    ["a function", { a: { b: () => 1 } }, "document.a.b: a function cannot be kept."],
    ["a symbol", { a: [Symbol("s")] }, "document.a[0]: a symbol cannot be kept."],
    ["NaN", { a: NaN }, "document.a: NaN cannot be kept."],
    ["an infinity", { a: [1, -Infinity] }, "document.a[1]: -Infinity cannot be kept."],
    ["undefined in an array", { a: [undefined] }, "document.a[0]: undefined cannot be kept."],
    ["a hole in an array", { a: Array(1) }, "document.a[0]: a hole in an array cannot be kept."],
    ["an invalid date", { a: new Date(NaN) }, "document.a: an invalid date cannot be kept."],
    ["a bigint beyond 64 bits", { a: 2n ** 64n }, "document.a: a bigint beyond 64 bits cannot be kept."],
    ["a bigint below 64 bits", { a: -(2n ** 63n) - 1n }, "document.a: a bigint beyond 64 bits cannot be kept."],
    ["a class of the app", { a: new Note() }, "document.a: an object of class Note cannot be kept."],
    ["a Map", { a: new Map() }, "document.a: an object of class Map cannot be kept."],
    [
      "a view that is no Uint8Array",
      { a: new Float32Array(1) },
      "document.a: an object of class Float32Array cannot be kept.",
    ],
    ["a lone surrogate", { a: "\ud800" }, "document.a: text with a lone surrogate cannot be kept."],
    ["a lone surrogate in a key", { "\udc00": 1 }, "document.\udc00: a key with a lone surrogate cannot be kept."],
    [
      "a property named by a symbol",
      { a: { [Symbol("s")]: 1 } },
      "document.a: a property named by a symbol cannot be kept.",
    ],
    ["text as a document", "text", "A document must be a plain object."],
    ["null as a document", null, "A document must be a plain object."],
    ["an array as a document", [], "A document must be a plain object."],
    ["a date as a document", new Date(0), "A document must be a plain object."],
  ];
  it.each(cases)("%s", (_, document, message) => {
    expect(refusal(document)).toEqual({ code: "document.not-serializable", message });
  });

  it("a cycle", () => {
    const inner: Record<string, unknown> = {};
    inner["self"] = [inner];
    expect(refusal({ leaf: 1, inner })).toEqual({
      code: "document.not-serializable",
      message: "document.inner.self[0]: an object that contains itself cannot be kept.",
    });
  });
});

it("a document nested deeper than the limit is refused as too large", () => {
  const nested = (levels: number): object => (levels === 1 ? {} : { in: nested(levels - 1) });
  expect(toJson(nested(MAX_DEPTH))).toMatch(/^\{"in":/);
  expect(refusal(nested(MAX_DEPTH + 1)).code).toBe("document.too-large");
});

it("thousands of random documents come back as they were", () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const keys = ["a", "$ashore", "__proto", "ü", "", "0"];
  const value = (depth: number): unknown => {
    switch (random(depth > 4 ? 9 : 11)) {
      case 0:
        return null;
      case 1:
        return random(2) === 0;
      case 2:
        return random(1000) - 500;
      case 3:
        return (random(1000) - 500) / 7;
      case 4:
        return ["", "ü👋", '\u0000"\\'][random(3)];
      case 5:
        return BigInt(random(1e9)) * (random(2) ? 1n : -1n);
      case 6:
        return new Date(random(1e9));
      case 7:
        return Uint8Array.from({ length: random(5) }, () => random(256));
      case 8:
        return -0;
      case 9:
        return Array.from({ length: random(4) }, () => value(depth + 1));
      default:
        return object(depth + 1);
    }
  };
  const object = (depth: number): object =>
    Object.fromEntries(Array.from({ length: random(4) }, () => [keys[random(keys.length)], value(depth)]));
  for (let count = 0; count < 3_000; count += 1) {
    const document = object(1);
    expect(back(document)).toStrictEqual(document);
  }
});
