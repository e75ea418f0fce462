//! What pages invoke. Bytes of calls go in through `calls`, everything comes back through the channel that `open` was given.

use crate::allowed::{Allowed, Grant};
use crate::frames::{bytes_of, messages, no_calls};
use crate::outgoing::Outgoing;
use crate::pages::{Opening, Pages, Place, Wanted};
use ashore_native::{Failure, Options};
use serde::Deserialize;
use std::sync::Arc;
use tauri::ipc::{Channel, CommandScope, InvokeResponseBody, Request};
use tauri::{Runtime, State, Webview};

/// How a database is protected if it is made now; a passphrase itself comes as a call.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Encrypt {
    Platform,
    Passphrase,
}

/// Names the page among those of its webview, in the headers of `calls`.
const PAGE_HEADER: &str = "ashore-page";

/// Opens a database for the page and answers the page's number. `document`: what the page's script has named itself. `database`: `null` for one in
/// memory. `insteadOf`: the number that the page had before, with an engine that it has given up; another is started for it unless others use that one.
#[tauri::command]
#[expect(clippy::too_many_arguments, reason = "Tauri gives each by its name")]
pub(crate) async fn open<R: Runtime>(
    webview: Webview<R>,
    pages: State<'_, Arc<Pages>>,
    scope: CommandScope<Grant>,
    document: String,
    database: Option<String>,
    encrypt: Option<Encrypt>,
    instead_of: Option<u64>,
    channel: Channel<InvokeResponseBody>,
) -> Result<u64, Failure> {
    let wanted = database.map_or(Wanted::InMemory, Wanted::Named);
    let with = |options: Options| match encrypt {
        None => options,
        Some(Encrypt::Platform) => options.encrypted(),
        // Empty: the call that brings the passphrase makes the keys, and this one says only what kind they are.
        Some(Encrypt::Passphrase) => options.passphrase(String::new()),
    };
    // A page that is gone takes nothing, and is told of soon.
    let send = Box::new(move |message| drop(channel.send(InvokeResponseBody::Raw(message))));
    let page = Opening { place: place(&webview), document, wanted, instead_of };
    pages.open(page, with, Outgoing::new(allowed(&scope), send)).await
}

/// Takes a page's calls. Without bytes it asks the engine for a sign of life, and answers when that has come.
#[tauri::command]
pub(crate) async fn calls<R: Runtime>(
    webview: Webview<R>,
    pages: State<'_, Arc<Pages>>,
    scope: CommandScope<Grant>,
    request: Request<'_>,
) -> Result<(), Failure> {
    let number = request.headers().get(PAGE_HEADER).and_then(|page| page.to_str().ok()?.parse().ok());
    let bytes = bytes_of(request.body())?;
    let (place, number) = (place(&webview), number.ok_or_else(no_calls)?);
    let messages = messages(&bytes)?;
    if messages.is_empty() {
        return pages.check(&place, number).await;
    }
    pages.call(&place, number, allowed(&scope), &messages)
}

/// The page closes its database; answers when what waits is committed and, with the last page, the file is let go.
#[tauri::command]
pub(crate) async fn close<R: Runtime>(
    webview: Webview<R>,
    pages: State<'_, Arc<Pages>>,
    page: u64,
) -> Result<(), Failure> {
    pages.close(&place(&webview), page).await;
    Ok(())
}

fn place<R: Runtime>(webview: &Webview<R>) -> Place {
    Place { window: webview.window().label().to_owned(), webview: webview.label().to_owned() }
}

fn allowed(scope: &CommandScope<Grant>) -> Allowed {
    let (granted, denied) = (scope.allows().iter(), scope.denies().iter());
    Allowed::of(granted.map(|grant| grant.may), denied.map(|grant| grant.may))
}
