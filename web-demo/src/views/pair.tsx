// Inviting a device with a role: a QR code to scan, a code to type, a link to send. The invite works once and for ten minutes.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ApprovalInvite, Invite, Role, SyncState } from "ashore";
import { openDialog } from "../model/dialogs.js";
import { sentenceFor, type Problem } from "../model/problems.js";
import { now, sayLeft, useClock } from "../model/times.js";
import { attempt } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { CopyButton } from "./copy-button.js";
import { Dialog } from "./dialog.js";
import { Check, Refresh } from "./icons.js";
import { RolePicker } from "./role-looks.js";

export function PairDialog(): JSX.Element {
  const { members, sync } = useHousehold();
  const { state } = sync.status.value;
  const [role, setRole] = useState<Role>("admin");
  const [approval, setApproval] = useState(false);
  const [invite, setInvite] = useState<Invite | ApprovalInvite | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  /** The last one that was asked for; nobody waits for those before it. */
  const asked = useRef(0);
  const create = async (wanted: Role, approved: boolean): Promise<void> => {
    asked.current += 1;
    const mine = asked.current;
    setInvite(null);
    setProblem(null);
    try {
      const made = await sync.createInvite(wanted, approved);
      if (mine === asked.current) {
        setInvite(made);
      } else {
        // Nobody has seen its code.
        await members.withdraw(made.id);
      }
    } catch (error) {
      if (mine === asked.current) {
        setProblem(sentenceFor(error));
      }
    }
  };
  useEffect(() => {
    void create(role, approval);
    return () => void (asked.current += 1);
  }, []);
  const choose = (wanted: Role, approved: boolean): void => {
    setRole(wanted);
    setApproval(approved);
    if (invite !== null) {
      void attempt(members.withdraw(invite.id));
    }
    void create(wanted, approved);
  };
  const renew = (): void => void create(role, approval);
  return (
    <Dialog title="Pair a device" testId="pair-dialog">
      <RolePicker role={role} onRole={(wanted) => choose(wanted, approval)} />
      <label class="same-words">
        <span class="tick">
          <input
            type="checkbox"
            class="tick-box"
            checked={approval}
            data-testid="invite-approval"
            onChange={(event) => choose(role, event.currentTarget.checked)}
          />
          <Check class="tick-mark" />
        </span>
        <span>Ask me before it is let in</span>
      </label>
      <p class="dialog-lead">
        {approval
          ? "On the other device, scan this or open the link. It asks then, and you decide on the page of the devices."
          : "On the other device, open Saltbox and scan this, or choose “I have a code”."}
      </p>
      <div class="invite-place">
        {invite !== null && <ShownInvite key={invite.id} invite={invite} onRenew={renew} />}
        {problem !== null && <NoInvite problem={problem} onAgain={renew} />}
        {invite === null && problem === null && (
          <p class="invite-waiting" role="status">
            {waitingFor(state)}
          </p>
        )}
      </div>
      <p class="dialog-other">
        Is the invitation on the other device?{" "}
        <button
          type="button"
          class="button-link"
          data-testid="pair-to-join"
          onClick={() => (openDialog.value = "join")}
        >
          Enter its code here
        </button>
      </p>
    </Dialog>
  );
}

function waitingFor(state: SyncState): string {
  if (!navigator.onLine) {
    return "Waiting for a connection…";
  }
  return state === "failed" ? "The relay cannot be reached. Trying again…" : "Making an invitation…";
}

type InviteProps = { readonly invite: Invite | ApprovalInvite; readonly onRenew: () => void };

function ShownInvite({ invite, onRenew }: InviteProps): JSX.Element {
  const [before, setBefore] = useState<number | null>(null);
  useClock();
  const left = Number(invite.expiresAt) - now.value;
  const joined = useNewDevice(before, setBefore);
  if (joined !== null) {
    return <Joined name={joined} onRenew={onRenew} />;
  }
  if (left <= 0) {
    return <Expired onRenew={onRenew} />;
  }
  return (
    <div class="invite" data-testid="invite" data-link={"shortCode" in invite ? undefined : invite.link}>
      <img
        class="invite-qr"
        src={invite.qrCode}
        alt="QR code with the invitation’s link"
        width={208}
        height={208}
        data-testid="invite-qr"
      />
      {"shortCode" in invite && (
        <>
          <p class="invite-code-label" id="invite-code-label">
            Pairing code
          </p>
          <output class="invite-code" aria-labelledby="invite-code-label" data-testid="invite-code">
            {invite.shortCode}
          </output>
        </>
      )}
      <p class="invite-left" role="timer" aria-live="off" data-testid="invite-expiry">
        Works once, for another {sayLeft(left)}
      </p>
      <div class="invite-actions">
        {"shortCode" in invite && <CopyButton what="code" text={invite.shortCode} />}
        <CopyButton what="link" text={invite.link} />
      </div>
    </div>
  );
}

/** The name of a device that came in since the invite was shown. */
function useNewDevice(before: number | null, setBefore: (count: number) => void): string | null {
  const devices = useHousehold().members.devices.value;
  useEffect(() => {
    if (before === null && devices.length > 0) {
      setBefore(devices.length);
    }
  }, [devices, before]);
  if (before === null || devices.length <= before) {
    return null;
  }
  return devices.findLast((device) => !device.me)?.name || "A new device";
}

function Joined({ name, onRenew }: { readonly name: string; readonly onRenew: () => void }): JSX.Element {
  return (
    <div class="invite invite-joined" role="status" data-testid="invite-joined">
      <span class="invite-sign">
        <Check />
      </span>
      <p>
        <strong>{name}</strong> is in. Everything you have is on its way there.
      </p>
      <button type="button" class="button-quiet" onClick={onRenew}>
        Pair another
      </button>
    </div>
  );
}

function Expired({ onRenew }: { readonly onRenew: () => void }): JSX.Element {
  return (
    <div class="invite" role="status" data-testid="invite-expired">
      <p>This invitation has expired.</p>
      <button type="button" class="button-strong" data-testid="renew-invite" onClick={onRenew}>
        <Refresh /> New invitation
      </button>
    </div>
  );
}

function NoInvite({ problem, onAgain }: { readonly problem: Problem; readonly onAgain: () => void }): JSX.Element {
  return (
    <div class="invite" role="alert" data-testid="invite-failed" data-code={problem.code}>
      <p>{problem.text}</p>
      <p class="hint">An invitation needs the relay once, so that the other device can find it.</p>
      <button type="button" class="button-strong" onClick={onAgain}>
        <Refresh /> Try again
      </button>
    </div>
  );
}
