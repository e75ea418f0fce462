// What this device has asked of a household, and how that stands.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { OwnRequest } from "ashore";
import { openDialog } from "../model/dialogs.js";
import { sentenceOf } from "../model/problems.js";
import { addresses } from "../model/route.js";
import { now, sayWhen } from "../model/times.js";
import { attempt } from "../model/toasts.js";
import { useHousehold } from "./context.js";
import { Hourglass } from "./icons.js";
import { roleName } from "./role-looks.js";
import { Words } from "./words.js";

/** On the page of the devices. Of a request that was granted nothing more is to be said. */
export function OwnRequestCard(): JSX.Element | null {
  const { requests } = useHousehold();
  const own = requests.own.value;
  if (own === null || own.state === "admitted") {
    return null;
  }
  return (
    <section class="card card-alone" aria-labelledby="own-heading" data-testid="own-request" data-state={own.state}>
      <Hourglass class="card-sign" />
      {own.state === "pending" ? <Waiting own={own} /> : <Decided own={own} />}
    </section>
  );
}

function Waiting({ own }: { readonly own: OwnRequest }): JSX.Element {
  return (
    <>
      <h2 id="own-heading">Waiting to be let in</h2>
      <p class="card-lead" role="status">
        {own.delivered
          ? `Asked ${sayWhen(own.askedAt, now.value)}, to be a ${roleName(own.role).toLowerCase()}. It goes on by itself when an admin says yes, also if you close this.`
          : "Not sent yet: there is no connection. It is sent when there is one."}
      </p>
      {own.words.length > 0 && (
        <>
          <p class="words-lead">
            Tell the admin these six words, or compare the screens. If they are the same on both, nobody sits in
            between.
          </p>
          <Words words={own.words} label="Words to compare" testId="own-words" />
        </>
      )}
      <div class="card-foot">
        <TakeBack label="Take it back" />
      </div>
    </>
  );
}

function Decided({ own }: { readonly own: OwnRequest }): JSX.Element {
  const rejected = own.state === "rejected";
  const why = own.code === null ? "" : ` ${sentenceOf({ code: own.code, message: own.code }).text}`;
  return (
    <>
      <h2 id="own-heading">{rejected ? "An admin has said no" : "The relay does not take the request"}</h2>
      <p class="card-lead">
        {rejected ? "Everything on this device stays as it is. You may ask again." : `Nothing was sent on.${why}`}
      </p>
      <div class="card-foot">
        <button type="button" class="button-strong" data-testid="ask-again" onClick={() => (openDialog.value = "ask")}>
          Ask again
        </button>
        <TakeBack label="Forget it" />
      </div>
    </>
  );
}

function TakeBack({ label }: { readonly label: string }): JSX.Element {
  const { requests } = useHousehold();
  const [busy, setBusy] = useState(false);
  const takeBack = async (): Promise<void> => {
    setBusy(true);
    await attempt(requests.takeBack());
    setBusy(false);
  };
  return (
    <button type="button" class="button-quiet" disabled={busy} data-testid="take-back" onClick={() => void takeBack()}>
      {label}
    </button>
  );
}

/** At the top of every other page, until it was decided. */
export function OwnRequestNotice(): JSX.Element | null {
  const own = useHousehold().requests.own.value;
  if (own === null || own.state === "admitted") {
    return null;
  }
  return (
    <div class="notice" role="status" data-testid="own-request-notice">
      <Hourglass />
      <p>{own.state === "pending" ? "This device waits to be let into a household." : "This device was not let in."}</p>
      <a class="button-quiet" href={addresses.devices}>
        {own.state === "pending" ? "Show the words" : "See why"}
      </a>
    </div>
  );
}
