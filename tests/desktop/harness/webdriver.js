/** As much of the W3C's WebDriver protocol as the tests need, on `fetch`. */

/** A command that failed; `code` is the protocol's own word for why. */
export class WebDriverError extends Error {
  constructor(command, { error, message }) {
    super(`${command}: ${error}: ${message}`);
    this.code = error;
  }
}

/** The name under which the protocol hands over elements. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
/** A command that takes longer than this hangs. */
const LONGEST_MS = 60_000;

async function send(method, url, body) {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(url, { method, signal: AbortSignal.timeout(LONGEST_MS), ...content });
  const { value } = await response.json();
  if (!response.ok) {
    throw new WebDriverError(`${method} ${new URL(url).pathname}`, value);
  }
  return value;
}

/** Whether a driver answers at that address. */
export async function isReady(driver) {
  return (await send("GET", `${driver}/status`)).ready;
}

/** Starts what the capabilities name, and a session with it. */
export async function newSession(driver, capabilities) {
  const { sessionId } = await send("POST", `${driver}/session`, { capabilities: { alwaysMatch: capabilities } });
  return new Session(`${driver}/session/${sessionId}`);
}

class Session {
  #url;

  constructor(url) {
    this.#url = url;
  }

  /** Ends the session, and with it what it drives. */
  end() {
    return send("DELETE", this.#url);
  }

  address() {
    return send("GET", `${this.#url}/url`);
  }

  title() {
    return send("GET", `${this.#url}/title`);
  }

  rect() {
    return send("GET", `${this.#url}/window/rect`);
  }

  resize(width, height) {
    return send("POST", `${this.#url}/window/rect`, { width, height });
  }

  /** The elements that a CSS selector finds, in the page's order. */
  async find(selector) {
    const found = await send("POST", `${this.#url}/elements`, { using: "css selector", value: selector });
    return found.map((one) => new Element(`${this.#url}/element/${one[ELEMENT]}`, one));
  }

  /** Runs the body of a function in the page; its result comes back as JSON. */
  run(script, ...args) {
    return send("POST", `${this.#url}/execute/sync`, { script, args: args.map((one) => one?.reference ?? one) });
  }

  /** What the window shows, as a PNG. */
  async screenshot() {
    return Buffer.from(await send("GET", `${this.#url}/screenshot`), "base64");
  }
}

class Element {
  #url;
  /** As it is handed to scripts. */
  reference;

  constructor(url, reference) {
    this.#url = url;
    this.reference = reference;
  }

  click() {
    return send("POST", `${this.#url}/click`, {});
  }

  clear() {
    return send("POST", `${this.#url}/clear`, {});
  }

  type(text) {
    return send("POST", `${this.#url}/value`, { text });
  }

  text() {
    return send("GET", `${this.#url}/text`);
  }

  attribute(name) {
    return send("GET", `${this.#url}/attribute/${name}`);
  }

  property(name) {
    return send("GET", `${this.#url}/property/${name}`);
  }

  isShown() {
    return send("GET", `${this.#url}/displayed`);
  }
}

/** Keys by the numbers that the protocol has for them. */
export const keys = { enter: "\uE007" };
