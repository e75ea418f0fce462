/** One channel of Tauri 2: messages that the app sends to this page, which may arrive in another order than they were sent in. */

/** What Tauri 2 puts into every page. */
export interface TauriBridge {
  invoke(command: string, payload?: unknown, options?: { readonly headers: Record<string, string> }): Promise<unknown>;
  transformCallback(callback: (message: TauriMessage) => void): number;
  unregisterCallback?(id: number): void;
}

/** What a channel's callback is given: a message with its place in the order, or the end with its own. */
export type TauriMessage =
  { readonly index: number; readonly message: unknown } | { readonly index: number; readonly end: true };

/** Hears a channel. */
export interface ChannelListener {
  /** The bytes of one message; each once, in their order. */
  message(bytes: Uint8Array): void;
  /** The app has let go of the channel: nothing comes any more. */
  closed(): void;
}

/** A channel that the app sends bytes on. */
export class TauriChannel {
  /** What a command is given as its argument. */
  readonly name: string;
  readonly #bridge: TauriBridge;
  readonly #id: number;
  readonly #listener: ChannelListener;
  readonly #early = new Map<number, TauriMessage>();
  #next = 0;
  #closed = false;

  constructor(bridge: TauriBridge, listener: ChannelListener) {
    this.#bridge = bridge;
    this.#listener = listener;
    this.#id = bridge.transformCallback((message) => this.#take(message));
    this.name = `__CHANNEL__:${this.#id}`;
  }

  /** Nothing comes any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Hears nothing any more. */
  close(): void {
    this.#closed = true;
    this.#early.clear();
    this.#bridge.unregisterCallback?.(this.#id);
  }

  #take(arrived: TauriMessage): void {
    this.#early.set(arrived.index, arrived);
    for (let next = this.#early.get(this.#next); next && !this.#closed; next = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#next += 1;
      if ("end" in next) {
        this.close();
        this.#listener.closed();
      } else {
        this.#listener.message(bytesOf(next.message));
      }
    }
  }
}

/** Raw bytes come as a buffer, which may be another frame's, and as an array of numbers where the platform passes JSON alone. */
function bytesOf(message: unknown): Uint8Array {
  if (ArrayBuffer.isView(message)) {
    return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  }
  return Array.isArray(message) ? Uint8Array.from(message) : new Uint8Array(message as ArrayBuffer);
}
