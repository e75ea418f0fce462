// A ticket to show or to send: whoever has it may ask to be let in, and an admin decides.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Ticket } from "ashore";
import { sentenceFor, type Problem } from "../model/problems.js";
import { useHousehold } from "./context.js";
import { CopyButton } from "./copy-button.js";
import { Dialog } from "./dialog.js";

export function TicketDialog(): JSX.Element {
  const { requests, sync } = useHousehold();
  const [ticket, setTicket] = useState<Ticket | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    requests.createTicket(sync.relay).then(setTicket, (error: unknown) => setProblem(sentenceFor(error)));
  }, [requests, sync]);
  return (
    <Dialog title="A ticket to ask with" testId="ticket-dialog">
      <p class="dialog-lead">
        It lets nobody in: whoever opens it may ask, and an admin decides with the device’s name on the screen. It may
        hang on the wall, and does not expire.
      </p>
      {problem !== null && (
        <p class="field-problem" role="alert" data-code={problem.code}>
          {problem.text}
        </p>
      )}
      {ticket !== null && (
        <div class="invite">
          <img
            class="invite-qr"
            src={ticket.qrCode}
            alt="QR code with the ticket’s link"
            width={208}
            height={208}
            data-testid="ticket-qr"
          />
          <output class="ticket-link" data-testid="ticket-link">
            {ticket.link}
          </output>
          <div class="invite-actions">
            <CopyButton what="link" text={ticket.link} />
          </div>
        </div>
      )}
    </Dialog>
  );
}
