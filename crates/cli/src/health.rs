//! `check`, `repair`, `stats`.

use crate::args::Place;
use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use crate::progress::Bars;
use crate::session::keys;
use ashore_native::Database;
use ashore_native::api::{Command, Remedy, Reply, StoredKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A line for each finding, and one that sums up.
pub(crate) async fn check(database: &Database, bars: Bars) -> Result<Exit, Problem> {
    let bar = bars.of_count("rows checked");
    let mut lines = Lines::new();
    let (mut found, mut said) = (0_u64, Ok(()));
    let counts = database
        .check(|page| {
            bar.set_position(page.counts.rows);
            found += page.found.len() as u64;
            for finding in &page.found {
                if said.is_ok() {
                    said = lines.gather(&json!({ "finding": finding }));
                }
            }
        })
        .await?;
    bar.finish_and_clear();
    said?;
    lines.say(&json!({ "healthy": found == 0, "found": found, "counts": counts }))?;
    Ok(if found == 0 { Exit::Done } else { Exit::Unhealthy })
}

/// A line for each thing that was mended, and one that sums up.
pub(crate) async fn repair(database: &Database, bars: Bars, timeout: u64) -> Result<Exit, Problem> {
    let bar = bars.of_count("rows looked at");
    let mut lines = Lines::new();
    let (mut found, mut lost, mut waiting, mut said) = (0_u64, 0_u64, 0_u64, Ok(()));
    let counts = database
        .repair(Duration::from_secs(timeout), |page| {
            bar.set_position(page.counts.rows);
            for mended in &page.found {
                found += 1;
                lost += u64::from(mended.remedy == Remedy::Lost);
                waiting += u64::from(mended.remedy == Remedy::Waiting);
                if said.is_ok() {
                    said = lines.gather(&json!({ "mended": mended }));
                }
            }
        })
        .await?;
    bar.finish_and_clear();
    said?;
    let healed = lost + waiting == 0;
    let summary = json!({ "healed": healed, "found": found, "lost": lost, "waiting": waiting, "counts": counts });
    lines.say(&summary)?;
    Ok(if healed { Exit::Done } else { Exit::Unhealthy })
}

/// One line with what a person who hosts or debugs a database wants to know. It holds no document.
pub(crate) async fn stats(database: &Database, place: &Place) -> Result<Exit, Problem> {
    let path = place.path()?;
    let reply = database.call(Command::Diagnostics {}).await?;
    let Reply::Diagnostics { diagnostics } = reply else { return Err(Problem::wrong_reply()) };
    let stored = stored(database).await?;
    let said = json!({
        "name": place.name,
        "file": path,
        "fileBytes": std::fs::metadata(&path).map_or(0, |file| file.len()),
        "protection": keys(database).await?.protection,
        "collections": collections(database).await?,
        "stored": stored.0,
        "kept": stored.1,
        "sync": database.sync().fetch_status().await?,
        "diagnostics": diagnostics,
    });
    Lines::new().say(&said)?;
    Ok(Exit::Done)
}

async fn collections(database: &Database) -> Result<BTreeMap<String, Value>, Problem> {
    let mut all = BTreeMap::new();
    for name in database.collections().await? {
        let documents = database.collection::<Value>(&name).all().count().await?;
        all.insert(name, json!({ "documents": documents }));
    }
    Ok(all)
}

/// Everything by kind, and how many deleted documents are still here.
async fn stored(database: &Database) -> Result<(Vec<StoredKind>, u64), Problem> {
    let (mut all, mut kept_documents): (Vec<StoredKind>, u64) = (Vec::new(), 0);
    let mut after = None;
    loop {
        let reply = database.call(Command::Storage { after }).await?;
        let Reply::Stored { kinds, kept, next } = reply else { return Err(Problem::wrong_reply()) };
        for kind in kinds {
            match all.iter_mut().find(|known| known.kind == kind.kind) {
                Some(known) => (known.rows, known.bytes) = (known.rows + kind.rows, known.bytes + kind.bytes),
                None => all.push(kind),
            }
        }
        kept_documents += kept.len() as u64;
        after = next;
        if after.is_none() {
            all.sort_by_key(|kind| kind.kind);
            return Ok((all, kept_documents));
        }
    }
}
