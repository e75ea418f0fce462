// What an error means to somebody who wants to buy milk. Codes are Ashore's; unknown ones keep their own sentence.

import { AshoreError } from "ashore";

export type Problem = { readonly code: string; readonly text: string };

const sentences: Readonly<Record<string, string>> = {
  "document.too-large": "That is too long to keep in one piece. Split it and try again.",
  "transaction.too-large": "That is too much to change at once. Try a smaller part.",
  "store.failed": "This device could not save that. Reload the page and try again.",
  "store.poisoned": "This device could not save earlier changes. Reload the page.",
  "store.locked": "Another program has this household open. Close it and try again.",
  "store.quota-exceeded": "This device is full. Free some space and try again; nothing you had is lost.",
  "store.corrupt": "Something saved here can no longer be read. Everything else is fine.",
  "store.newer-format": "This was saved by a newer Saltbox. Reload to update.",
  "database.closed": "Saltbox was closed in this tab. Reload the page.",
  "host.dead": "Saltbox stopped answering. Try again.",
  "host.superseded": "Another tab has taken over. Try again.",
  "host.unsupported": "Something that Saltbox needs is missing here.",
  "request.timed-out": "That took too long. It goes on by itself when there is a connection.",
  "sync.disabled": "Sync is off. Turn it on first.",
  "sync.offline": "There is no connection right now. Your changes are kept and sent later.",
  "relay.invalid-address": "That is not a relay address. It starts with wss:// or ws://.",
  "relay.unreachable": "The relay cannot be reached. Check the address and the network.",
  "relay.incompatible": "The relay and this Saltbox do not speak the same version. Update both.",
  "relay.refused": "The relay refused this device.",
  "relay.quota-exceeded": "The relay has no room left for this household.",
  "relay.misbehaved": "The relay answered with something wrong. Nothing of it was kept.",
  "invite.bad-code": "That is not a pairing code. It has 16 letters and digits, in groups of four.",
  "invite.not-found": "No invitation has this code. Check it, or ask for a new one.",
  "invite.used": "This code has been used already. Ask for a new one.",
  "invite.expired": "This code has expired. Ask for a new one.",
  "invite.locked-out": "Too many wrong codes. Wait a little before the next try.",
  "group.not-a-member": "This device is not part of the household.",
  "group.already-joined": "This device already belongs to a household.",
  "group.not-allowed": "This device’s role does not allow that. Ask an admin of the household.",
  "group.removed": "This device was removed from the household. Everything on it is kept; nothing more is sent.",
  "group.last-admin": "Somebody has to be admin. Make another device an admin first.",
  "ticket.bad": "That is no ticket. Ask for its link again.",
  "join-request.not-found": "This device does not ask any more.",
  "join-request.rejected": "An admin has said no.",
  "join-request.refused": "The relay does not take this request.",
  "join-request.too-many": "Too many wait already. Ask an admin to decide about them.",
  "recovery.bad-password": "The name or the password is wrong.",
  "recovery.not-found": "The relay keeps nothing for this code or these words.",
  "recovery.closed": "This way back was closed. An admin of the household can invite this device.",
  "invite.revoked": "This invitation was withdrawn. Ask for a new one.",
};

/** Of anything thrown, and of a failure that a status carries. */
export function sentenceFor(problem: unknown): Problem {
  if (problem instanceof AshoreError) {
    return sentenceOf(problem);
  }
  const text = problem instanceof Error ? problem.message : String(problem);
  return { code: "internal", text: `Something went wrong: ${text}` };
}

export function sentenceOf({ code, message }: { readonly code: string; readonly message: string }): Problem {
  return { code, text: sentences[code] ?? asSentence(message) };
}

/** The engine's own sentences begin like the middle of one. */
function asSentence(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1) + (/[.!?…]$/.test(message) ? "" : ".");
}

/** What the sync indicator shows anyway, for as long as it lasts; a message on top of it would only be in the way. */
export function isShownBySync(problem: AshoreError): boolean {
  return ["relay.unreachable", "sync.offline", "group.removed"].includes(problem.code);
}
