// Positions: what moves where, also when two devices chose the same place.

import { describe, expect, test } from "vitest";
import { inOrder, placeAt, placeLast, type Placed } from "../src/model/positions.js";

const placed = (id: string, position: string): Placed => ({ id, position });

/** Applies new positions and says the order of the ids. */
function orderAfter(things: readonly Placed[], positions: ReadonlyMap<string, string>): string {
  const ids = new Set([...things.map((thing) => thing.id), ...positions.keys()]);
  const before = new Map(things.map((thing) => [thing.id, thing.position]));
  return inOrder([...ids].map((id) => placed(id, positions.get(id) ?? before.get(id) ?? "")))
    .map((thing) => thing.id)
    .join("");
}

describe("positions", () => {
  test("the_first_things_stand_in_the_order_given", () => {
    expect(orderAfter([], placeLast([], ["a", "b", "c"]))).toBe("abc");
  });

  test("a_thing_moves_between_two_others_and_only_it_is_written", () => {
    const others = [placed("a", "a0"), placed("b", "a1"), placed("c", "a2")];
    const positions = placeAt(others, 1, ["x"]);
    expect([...positions.keys()]).toEqual(["x"]);
    expect(orderAfter(others, positions)).toBe("axbc");
  });

  test("a_thing_moves_to_the_front_and_to_the_end", () => {
    const others = [placed("a", "a0"), placed("b", "a1")];
    expect(orderAfter(others, placeAt(others, 0, ["x"]))).toBe("xab");
    expect(orderAfter(others, placeAt(others, 2, ["x"]))).toBe("abx");
  });

  test("a_thing_moves_between_two_that_stand_at_the_same_place", () => {
    const others = [placed("a", "a0"), placed("b", "a1"), placed("c", "a1"), placed("d", "a1"), placed("e", "a2")];
    expect(orderAfter(others, placeAt(others, 2, ["x"]))).toBe("abxcde");
  });

  test("equals_are_ordered_the_same_everywhere", () => {
    const things = [placed("b", "a0"), placed("a", "a0"), placed("c", "Zz")];
    expect(inOrder(things)).toEqual(inOrder(things.toReversed()));
  });
});
