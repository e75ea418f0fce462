//! `backup`: stays in a group as a reader, and this database is the copy.

use crate::args::{Joining, Making, Place};
use crate::exit::{Exit, Problem};
use crate::joining::{code_of, enter, role};
use crate::lines::Lines;
use crate::session::{Manner, with_new_database};
use crate::sync::enable;
use ashore_native::api::{Event, SyncState, SyncStatus};
use ashore_native::{Database, ErrorCode, Failure};
use futures_util::StreamExt;
use serde_json::json;
use std::time::Duration;

/// Leaving a group again has so long to reach the relay.
const LEAVING: Duration = Duration::from_secs(10);

/// What `backup` was given.
pub(crate) struct Asked<'a> {
    pub(crate) code: Option<&'a str>,
    pub(crate) once: bool,
    pub(crate) joining: &'a Joining,
    pub(crate) making: &'a Making,
}

pub(crate) async fn run(place: &Place, asked: &Asked<'_>) -> Result<Exit, Problem> {
    let code = asked.code.map(code_of).transpose()?;
    if code.is_none() && !place.path()?.exists() {
        return Err(Problem::usage(
            "the first backup needs an invite: `ashore invite --role reader` on another device",
        ));
    }
    let manner = if asked.once { Manner::WRITES } else { Manner::ENDLESS };
    with_new_database(place, asked.making, manner, async |database| {
        become_reader(database, place, code.as_deref(), asked.joining).await?;
        let kept = Copy { database, lines: Lines::new(), changed: 0, told: None };
        if asked.once { kept.once(place, asked.joining).await } else { kept.go_on(place).await }
    })
    .await
}

/// A copy must not be able to change what it is a copy of: only a reader is taken.
async fn become_reader(
    database: &Database,
    place: &Place,
    code: Option<&str>,
    joining: &Joining,
) -> Result<(), Problem> {
    let in_a_group = database.sync().fetch_status().await?.group.is_some();
    let before = if in_a_group { role(database).await? } else { String::new() };
    let (role, entered) = match code {
        // A service that is started again with the code it was set up with is a reader already.
        Some(code) if before != "reader" => (enter(database, place, code, joining).await?, true),
        _ if in_a_group => {
            enable(database, place, joining.device_name.as_deref()).await?;
            (before, false)
        }
        _ => {
            let message = "this database is in no group: `ashore invite --role reader` on another device gives a code";
            return Err(Problem::Here("cli.not-a-reader", message.into(), Exit::Group));
        }
    };
    if role == "reader" {
        return Ok(());
    }
    let mut message = format!("this device is a member as `{role}`, and a backup is only a `reader`");
    if entered {
        leave(database).await?;
        message.push_str("; it has left the group again");
    }
    Err(Problem::Here("cli.not-a-reader", message, Exit::Group))
}

async fn leave(database: &Database) -> Result<(), Problem> {
    database.sync().leave().await?;
    match database.flush(LEAVING).await {
        // Once the relay knows, sync is over.
        Err(failure) if failure.code != ErrorCode::SyncDisabled => Err(failure.into()),
        _ => Ok(()),
    }
}

/// The copy, and what was said of it.
struct Copy<'a> {
    database: &'a Database,
    lines: Lines,
    /// Documents that came since the last line.
    changed: u64,
    /// The place in the relay's log that was told last.
    told: Option<u64>,
}

impl Copy<'_> {
    async fn once(mut self, place: &Place, joining: &Joining) -> Result<Exit, Problem> {
        let mut events = self.database.events();
        let sync = self.database.sync();
        let at_most = Duration::from_secs(joining.timeout);
        place.bars().while_syncing(self.database, sync.now_within(at_most)).await?;
        while let Some(Some(event)) = futures_util::FutureExt::now_or_never(events.next()) {
            self.count(&event);
        }
        self.tell(&sync.fetch_status().await?)?;
        Ok(Exit::Done)
    }

    /// A line for each time that everything is here, until somebody stops it or the group does.
    async fn go_on(mut self, place: &Place) -> Result<Exit, Problem> {
        let mut events = self.database.events();
        self.hear(&self.database.sync().fetch_status().await?)?;
        while let Some(event) = events.next().await {
            self.count(&event);
            match event {
                Event::Status { status } => self.hear(&status)?,
                // It may be told after the status that came of it.
                Event::Changed { .. } if self.changed > 0 => self.hear(&self.database.sync().fetch_status().await?)?,
                Event::Disconnected { reason } => place.note(format_args!("disconnected: {reason:?}")),
                Event::Error { failure } => place.note(format_args!("{failure}")),
                _ => {}
            }
        }
        Ok(Exit::Done)
    }

    fn count(&mut self, event: &Event) {
        if let Event::Changed { changes, .. } = event {
            self.changed +=
                changes.iter().filter(|change| change.remote).map(|change| change.ids.len() as u64).sum::<u64>();
        }
    }

    fn hear(&mut self, status: &SyncStatus) -> Result<(), Problem> {
        if status.removed {
            return Err(Failure::new(
                ErrorCode::GroupRemoved,
                "this device was removed from the group; the copy stays",
            )
            .into());
        }
        if status.state == SyncState::Synced && (self.told != Some(status.cursor) || self.changed > 0) {
            self.tell(status)?;
        }
        Ok(())
    }

    fn tell(&mut self, status: &SyncStatus) -> Result<(), Problem> {
        self.told = Some(status.cursor);
        let changed = std::mem::take(&mut self.changed);
        self.lines.say(&json!({ "synced": status.cursor, "changed": changed, "at": status.last_synced_at }))
    }
}
