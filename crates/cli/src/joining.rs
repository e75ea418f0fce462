//! `join`: into the group of an invite.

use crate::args::{Joining, Making, Place};
use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use crate::session::{Manner, with_new_database};
use crate::sync::{device_name, say_synced};
use ashore_native::api::{Command, Event, OwnRequest, OwnRequestState, Reply};
use ashore_native::{Database, ErrorCode, Failure};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::io::{BufRead, Read};
use std::time::Duration;

/// No code, link or QR code is as long.
const MAX_CODE_BYTES: u64 = 16 << 10;

pub(crate) async fn join(place: &Place, code: &str, asked: &Joining, making: &Making) -> Result<Exit, Problem> {
    let code = code_of(code)?;
    with_new_database(place, making, Manner::WRITES, async |database| {
        enter(database, place, &code, asked).await?;
        say_synced(database, place, Duration::from_secs(asked.timeout)).await?;
        Ok(Exit::Done)
    })
    .await
}

/// The code as it was typed, or what the first line of stdin says: a code, or the line that `invite` prints.
pub(crate) fn code_of(code: &str) -> Result<String, Problem> {
    if code != "-" {
        return Ok(code.to_owned());
    }
    let mut line = String::new();
    let read = std::io::stdin().lock().take(MAX_CODE_BYTES).read_line(&mut line);
    read.map_err(|error| Problem::file("stdin", &error))?;
    let said: Option<Value> = serde_json::from_str(&line).ok();
    let code = said.as_ref().and_then(|said| said.get("shortCode")?.as_str());
    Ok(code.unwrap_or(line.trim()).to_owned())
}

/// Joins, waits until everything of the group has been here once, and says as what.
pub(crate) async fn enter(database: &Database, place: &Place, code: &str, asked: &Joining) -> Result<String, Problem> {
    let at_most = Duration::from_secs(asked.timeout);
    let mut lines = Lines::new();
    let mut events = database.events();
    let name = asked.device_name.clone().unwrap_or_else(device_name);
    let command = Command::JoinInvite { invite: code.into(), relay: place.relay.clone(), device_name: Some(name) };
    let reply = match waiting_request(database).await? {
        Some(request) => Reply::OwnRequest { request: Some(request) },
        None => database.call(command).await?,
    };
    let group = match reply {
        Reply::Joined { group } => group,
        Reply::OwnRequest { request: Some(request) } => {
            lines.say(&json!({ "asked": request }))?;
            place.note("an admin has to approve; the words are shown to them too");
            let decided = async {
                while let Some(event) = events.next().await {
                    if let Event::OwnRequest { request: Some(request) } = event {
                        match decided(&request) {
                            None => {}
                            Some(Ok(())) => return Ok(request.group),
                            Some(Err(failure)) => return Err(Problem::from(failure)),
                        }
                    }
                }
                Err(Failure::new(ErrorCode::DatabaseClosed, "the database was closed").into())
            };
            tokio::time::timeout(at_most, decided).await.unwrap_or_else(|_| {
                let message = "no admin has decided yet; the request stays, and `ashore join` goes on waiting for it";
                Err(Failure::new(ErrorCode::RequestTimedOut, message).into())
            })?
        }
        _ => return Err(Problem::wrong_reply()),
    };
    lines.say(&json!({ "joined": group }))?;
    drop(lines);
    let sync = database.sync();
    place.bars().while_syncing(database, sync.ready(at_most)).await?;
    role(database).await
}

/// What this device has asked for before, and nobody has decided.
async fn waiting_request(database: &Database) -> Result<Option<OwnRequest>, Problem> {
    match database.call(Command::OwnRequest {}).await? {
        Reply::OwnRequest { request } => Ok(request.filter(|request| decided(request).is_none())),
        _ => Err(Problem::wrong_reply()),
    }
}

/// What this device is in its group.
pub(crate) async fn role(database: &Database) -> Result<String, Problem> {
    let me = database.sync().devices().await?.into_iter().find(|device| device.me);
    if let Some(me) = me {
        return Ok(me.role);
    }
    let removed = database.sync().fetch_status().await?.removed;
    let code = if removed { ErrorCode::GroupRemoved } else { ErrorCode::GroupNotAMember };
    Err(Failure::new(code, "this device is no member of the group; its documents stay").into())
}

fn decided(request: &OwnRequest) -> Option<Result<(), Failure>> {
    match request.state {
        OwnRequestState::Pending => None,
        OwnRequestState::Admitted => Some(Ok(())),
        OwnRequestState::Rejected => {
            Some(Err(Failure::new(ErrorCode::JoinRequestRejected, "an admin has said no to this device's request")))
        }
        OwnRequestState::Refused => {
            let code = request.code.as_deref().unwrap_or("unknown");
            Some(Err(Failure::new(
                ErrorCode::JoinRequestRefused,
                format!("the relay does not take the request: {code}"),
            )))
        }
    }
}
