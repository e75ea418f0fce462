// The whole page: header, the way around, the page that the address names, dialogs and messages.

import type { JSX } from "preact";
import { useEffect, useLayoutEffect } from "preact/hooks";
import { listenForMenu } from "./model/app-menu.js";
import { closeDialog, openDialog, type DialogName } from "./model/dialogs.js";
import { opening, openHousehold, type Household } from "./model/household.js";
import { redoNote, undoNote } from "./model/note-history.js";
import { createNote } from "./model/notes.js";
import { sentenceFor } from "./model/problems.js";
import { addresses, goTo, offeredInvite, offeredTicket, route } from "./model/route.js";
import { listenForShortcuts } from "./model/shortcuts.js";
import { undoLatest } from "./model/toasts.js";
import { AskDialog } from "./views/ask.js";
import { HouseholdContext, useHousehold } from "./views/context.js";
import { DevicesPage } from "./views/devices-page.js";
import { Header, HeaderWithoutHousehold } from "./views/header.js";
import { Home } from "./views/home.js";
import { JoinDialog } from "./views/join.js";
import { LeaveDialog } from "./views/leave.js";
import { ListPage } from "./views/list.js";
import { ChangeRoleDialog, HandOverDialog, RemoveDeviceDialog } from "./views/member-dialogs.js";
import { NewListDialog } from "./views/new-list.js";
import { NoteHistoryDialog } from "./views/note-history.js";
import { NotePage } from "./views/note.js";
import { Notices } from "./views/notices.js";
import { PairDialog } from "./views/pair.js";
import { PhraseDialog } from "./views/phrase.js";
import { RecoverDialog } from "./views/recover.js";
import { RelayDialog } from "./views/relay-form.js";
import { ForgetDialog } from "./views/removed.js";
import { ApproveDialog } from "./views/requests.js";
import { SetPasswordDialog } from "./views/set-password.js";
import { ShortcutsDialog } from "./views/shortcuts.js";
import { Sidebar } from "./views/sidebar.js";
import { SyncPanel } from "./views/sync-panel.js";
import { TicketDialog } from "./views/ticket.js";
import { Toasts } from "./views/toasts.js";

export function App(): JSX.Element {
  const now = opening.value;
  return (
    <>
      <a class="skip-link" href="#main" onClick={skipToMain}>
        Skip to the content
      </a>
      {now.state === "open" ? <OpenApp household={now.household} /> : <ClosedApp />}
      {openDialog.value === null && <Toasts />}
    </>
  );
}

function OpenApp({ household }: { readonly household: Household }): JSX.Element {
  useEffect(() => listenForShortcuts(actions(household), undoLatest, stepInNote(household)), [household]);
  // Before it is shown: who sees it may choose from the menu at once.
  useLayoutEffect(() => listenForMenu(actions(household)), [household]);
  const invited = offeredInvite.value;
  useEffect(() => {
    if (invited !== null) {
      openDialog.value = "join";
    }
  }, [invited]);
  const ticket = offeredTicket.value;
  useEffect(() => {
    if (ticket !== null) {
      openDialog.value = "ask";
    }
  }, [ticket]);
  return (
    <HouseholdContext.Provider value={household}>
      <Header />
      <div class="frame">
        <Sidebar />
        <main id="main" class="main" tabIndex={-1}>
          <Notices />
          <Page />
        </main>
      </div>
      <OpenDialog name={openDialog.value} />
    </HouseholdContext.Provider>
  );
}

function Page(): JSX.Element {
  const shown = route.value;
  useEffect(startAtTop, [shown]);
  if (shown.page === "list") {
    return <ListPage key={shown.id} id={shown.id} />;
  }
  if (shown.page === "note") {
    return <NotePage key={shown.id} id={shown.id} />;
  }
  return shown.page === "devices" ? <DevicesPage /> : <Home />;
}

function OpenDialog({ name }: { readonly name: DialogName | null }): JSX.Element | null {
  const { sync } = useHousehold();
  if (name !== null && needRelay.has(name) && sync.relay === "") {
    return <RelayDialog />;
  }
  switch (name) {
    case null:
      return null;
    case "sync":
      return <SyncPanel />;
    case "pair":
      return <PairDialog />;
    case "join":
      return <JoinDialog />;
    case "new-list":
      return <NewListDialog />;
    case "note-history":
      return <NoteHistoryDialog />;
    case "shortcuts":
      return <ShortcutsDialog />;
    case "change-role":
      return <ChangeRoleDialog />;
    case "remove-device":
      return <RemoveDeviceDialog />;
    case "hand-over":
      return <HandOverDialog />;
    case "leave":
      return <LeaveDialog />;
    case "forget":
      return <ForgetDialog />;
    case "ticket":
      return <TicketDialog />;
    case "ask":
      return <AskDialog />;
    case "approve":
      return <ApproveDialog />;
    case "set-password":
      return <SetPasswordDialog />;
    case "phrase":
      return <PhraseDialog />;
    case "recover":
      return <RecoverDialog />;
  }
}

/** What cannot begin before it is known which relay to ask. */
const needRelay: ReadonlySet<DialogName> = new Set(["pair", "join", "recover"]);

/** Before the household is open, and when it cannot be opened. */
function ClosedApp(): JSX.Element {
  const now = opening.value;
  return (
    <>
      <HeaderWithoutHousehold />
      <main id="main" class="main main-alone" tabIndex={-1} aria-busy={now.state === "opening"}>
        {now.state === "failed" && <CouldNotOpen problem={now.problem} />}
      </main>
    </>
  );
}

function CouldNotOpen({ problem }: { readonly problem: unknown }): JSX.Element {
  const { code, text } = sentenceFor(problem);
  return (
    <section class="blank" role="alert" data-testid="open-failed" data-code={code}>
      <h1>Saltbox could not open</h1>
      <p>{text}</p>
      <button type="button" class="button-strong" onClick={() => void openHousehold()}>
        Try again
      </button>
    </section>
  );
}

function actions(household: Household): Record<string, () => void> {
  const { members } = household;
  const ifMayWrite = (act: () => void) => (): void => {
    if (members.mayWrite.value) {
      act();
    }
  };
  return {
    h: () => goTo(addresses.home),
    d: () => goTo(addresses.devices),
    l: ifMayWrite(() => (openDialog.value = "new-list")),
    t: ifMayWrite(() => goTo(addresses.note(createNote(household)))),
    n: () => document.querySelector<HTMLElement>("[data-testid=new-item]")?.focus(),
    s: () => (openDialog.value = "sync"),
    p: () => {
      if (members.mayInvite.value) {
        openDialog.value = "pair";
      }
    },
    "?": () => (openDialog.value = "shortcuts"),
    escape: closeDialog,
  };
}

/** Outside of texts the keys go a step back or forth in the note that is shown. */
function stepInNote(household: Household): (direction: "undo" | "redo") => boolean {
  return (direction) => {
    const shown = route.value;
    if (shown.page !== "note" || openDialog.value !== null || !household.members.mayWrite.value) {
      return false;
    }
    void (direction === "undo" ? undoNote : redoNote)(household, shown.id);
    return true;
  };
}

let firstPage = true;

/** A new page starts at its top, and there for keyboards and screen readers too, unless it has put the focus somewhere itself. */
function startAtTop(): void {
  if (!firstPage) {
    scrollTo(0, 0);
    const main = document.getElementById("main");
    if (!main?.contains(document.activeElement)) {
      main?.focus({ preventScroll: true });
    }
  }
  firstPage = false;
}

function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
