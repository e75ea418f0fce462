/** Tells what came together one after another, each in a turn of the event loop of its own: whoever waited for an answer goes on before what came behind it is told. */
export class Telling<T> {
  readonly #tell: (one: T) => void;
  readonly #untold: T[] = [];
  #isTelling = false;

  constructor(tell: (one: T) => void) {
    this.#tell = tell;
  }

  /** Tells the first at once, unless others are before it. */
  hear(together: readonly T[]): void {
    this.#untold.push(...together);
    if (!this.#isTelling) {
      this.#next();
    }
  }

  /** Tells at once what is left. */
  all(): void {
    for (const one of this.#untold.splice(0)) {
      this.#tell(one);
    }
  }

  #next(): void {
    const one = this.#untold.shift();
    this.#isTelling = this.#untold.length > 0;
    if (this.#isTelling) {
      inNextTurn(() => this.#next());
    }
    if (one !== undefined) {
      this.#tell(one);
    }
  }
}

/** Node's own way, which lets the process end. As it is now: tests of apps put others in its place. */
const { setImmediate } = globalThis as { setImmediate?: (act: () => void) => unknown };
const waiting: (() => void)[] = [];
let turns: MessagePort | null = null;

/** Sooner than a timer. */
export function inNextTurn(act: () => void): void {
  if (setImmediate) {
    setImmediate(act);
    return;
  }
  if (!turns) {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => waiting.shift()?.();
    turns = port2;
  }
  waiting.push(act);
  turns.postMessage(null);
}
