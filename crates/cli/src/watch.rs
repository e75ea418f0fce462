//! `watch`: what fits a filter, and every change of it.

use crate::exit::{Exit, Problem};
use crate::lines::Lines;
use ashore_native::Database;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) struct Watch<'a> {
    pub(crate) collection: &'a str,
    pub(crate) filter: Value,
    /// It ends then by itself.
    pub(crate) seconds: Option<u64>,
}

impl Watch<'_> {
    pub(crate) async fn run(self, database: &Database) -> Result<Exit, Problem> {
        let end = self.seconds.map(Duration::from_secs);
        let watching = self.go_on(database);
        match end {
            None => watching.await,
            Some(end) => tokio::time::timeout(end, watching).await.unwrap_or(Ok(Exit::Done)),
        }
    }

    async fn go_on(self, database: &Database) -> Result<Exit, Problem> {
        let mut rows = database.collection::<Value>(self.collection).find(self.filter).watch()?;
        let mut lines = Lines::new();
        let mut shown: Option<BTreeMap<String, Value>> = None;
        while let Some(now) = rows.next().await {
            let now: BTreeMap<String, Value> = now?.into_iter().collect();
            for line in changes(shown.as_ref().unwrap_or(&BTreeMap::new()), &now) {
                lines.gather(&line)?;
            }
            if shown.is_none() {
                lines.gather(&json!({ "event": "ready", "count": now.len() }))?;
            }
            lines.flush()?;
            shown = Some(now);
        }
        Ok(Exit::Done)
    }
}

/// What makes these rows those, in byte order of their ids.
fn changes(before: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<Value> {
    let gone = before.keys().filter(|id| !now.contains_key(*id));
    let gone = gone.map(|id| json!({ "event": "removed", "id": id }));
    let come = now.iter().filter_map(|(id, value)| match before.get(id) {
        None => Some(json!({ "event": "added", "id": id, "value": value })),
        Some(old) if old != value => Some(json!({ "event": "changed", "id": id, "value": value })),
        Some(_) => None,
    });
    gone.chain(come).collect()
}

#[cfg(test)]
mod tests {
    use super::changes;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    #[test]
    fn changes_are_what_came_went_and_became_another() {
        let rows = |rows: &[(&str, u32)]| {
            rows.iter().map(|(id, n)| ((*id).to_owned(), json!(n))).collect::<BTreeMap<String, Value>>()
        };
        let (before, now) = (rows(&[("a", 1), ("b", 2), ("c", 3)]), rows(&[("a", 1), ("c", 4), ("d", 5)]));
        let told = [
            json!({ "event": "removed", "id": "b" }),
            json!({ "event": "changed", "id": "c", "value": 4 }),
            json!({ "event": "added", "id": "d", "value": 5 }),
        ];
        assert_eq!(changes(&before, &now), told);
        assert_eq!(changes(&now, &now), Vec::<Value>::new());
    }
}
