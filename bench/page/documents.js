/** The documents that everybody gets: about 300 bytes of JSON each unless more are asked for, the same in every run. */

const WORDS = (
  "harbour lantern copper meadow signal violet thunder paper kettle orchard marble ticket silver garden window cotton " +
  "planet butter island candle mirror pepper summer yellow forest bridge anchor velvet pocket winter"
).split(" ");

export const AUTHORS = 100;
export const PRIORITIES = 10;

/** That many documents from number `from` on, as `[id, document]`. */
export function documents(count, from = 0, bytes) {
  return Array.from({ length: count }, (_, index) => document(from + index, bytes));
}

export function idOf(number) {
  return `note-${String(number).padStart(7, "0")}`;
}

/** One document; with `bytes` its body is that long. */
export function document(number, bytes = 110) {
  const random = stream(number);
  const words = [];
  for (let length = 0; length < bytes; length += words.at(-1).length + 1) {
    words.push(WORDS[random(WORDS.length)]);
  }
  const content = {
    title: `${WORDS[random(WORDS.length)]} ${WORDS[random(WORDS.length)]} ${number}`,
    body: words.join(" "),
    author: `author-${random(AUTHORS)}`,
    priority: random(PRIORITIES),
    done: random(4) === 0,
    created: 1_790_000_000_000 + number * 1_000,
    updated: 1_795_000_000_000 + random(1_000_000_000),
    estimate: random(1_000) / 8,
    tags: [WORDS[random(WORDS.length)], WORDS[random(WORDS.length)]],
    place: { x: random(1_000), y: random(1_000) },
  };
  return [idOf(number), content];
}

/** A linear congruential generator: what is drawn depends on the number alone. */
export function stream(number) {
  let state = (number * 2_654_435_761 + 12_345) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
