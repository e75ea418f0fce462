/** A host whose engine is a script: tests say what it answers and when it dies. */

import { decode, encode } from "cborg";
import type { Calls } from "../../src/generated/Calls.js";
import type { Command } from "../../src/generated/Command.js";
import type { Event } from "../../src/generated/Event.js";
import type { Outcome } from "../../src/generated/Outcome.js";
import type { Host, HostListener, StartHost } from "../../src/host.js";

/** What a script answers to a command; `null`: nothing. */
export type Script = (command: Command, id: number) => Outcome | null;

/** Every host that was started, and what each was sent. */
export class ScriptedHosts {
  readonly hosts: ScriptedHost[] = [];
  script: Script;
  /** Hosts are ready by themselves. */
  eager = true;

  constructor(script: Script) {
    this.script = script;
  }

  readonly start: StartHost = (client, listener) => {
    const host = new ScriptedHost(client, listener, this);
    this.hosts.push(host);
    return host;
  };

  get last(): ScriptedHost {
    const host = this.hosts.at(-1);
    if (!host) {
      throw new Error("no host was started");
    }
    return host;
  }
}

export class ScriptedHost implements Host {
  readonly sent: Calls[] = [];
  readonly client: string;
  readonly listener: HostListener;
  readonly #hosts: ScriptedHosts;
  checks = 0;
  answersChecks = true;
  stopped = false;
  left = false;
  killed = false;

  constructor(client: string, listener: HostListener, hosts: ScriptedHosts) {
    this.client = client;
    this.listener = listener;
    this.#hosts = hosts;
    if (hosts.eager) {
      queueMicrotask(() => listener.ready());
    }
  }

  /** The ids that were asked, message by message. */
  get asked(): number[][] {
    return this.sent.map(({ calls }) => calls.map(({ id }) => id));
  }

  send(bytes: Uint8Array): void {
    const calls = decode(bytes) as Calls;
    this.sent.push(calls);
    const answers = calls.calls.flatMap(({ id, command }) => {
      const outcome = this.#hosts.script(command, id);
      return outcome ? [{ id, outcome }] : [];
    });
    if (answers.length > 0) {
      queueMicrotask(() => this.listener.news([encode({ answers, events: [] })]));
    }
  }

  answer(id: number, outcome: Outcome): void {
    this.listener.news([encode({ answers: [{ id, outcome }], events: [] })]);
  }

  tell(...events: Event[]): void {
    this.listener.news([encode({ answers: [], events })]);
  }

  check(): void {
    this.checks += 1;
    if (this.answersChecks) {
      this.listener.alive();
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }

  leave(): void {
    this.left = true;
  }

  kill(): void {
    this.killed = true;
  }
}

/** Answers every ping, and `status` with nothing to tell. */
export const echo: Script = (command) => {
  if ("ping" in command) {
    return { ok: { pong: { text: command.ping.text } } };
  }
  return null;
};
