//! `get`, `put`, `delete`, `list`, `find`.

mod input;

use crate::args::{Asked, Range};
use crate::exit::{Exit, Problem, note};
use crate::lines::Lines;
use crate::progress::Bars;
use ashore_native::api::{Command, IdRange, Reply};
use ashore_native::{Database, ErrorCode, Failure};
use input::{Batches, read_document};
use serde_json::{Map, Value, json};

/// Documents of one page of a list or of a query.
const PAGE: u32 = 1_000;

pub(crate) async fn get(database: &Database, collection: &str, ids: &[String]) -> Result<Exit, Problem> {
    let documents = database.collection::<Value>(collection).get_many(ids.iter().cloned()).await?;
    let mut lines = Lines::new();
    let mut exit = Exit::Done;
    for (id, document) in ids.iter().zip(documents) {
        if let Some(value) = document {
            lines.gather(&json!({ "id": id, "value": value }))?;
        } else {
            note(format_args!("ashore: cli.nothing-there: there is no document {collection}/{id}"));
            exit = Exit::NothingThere;
        }
    }
    lines.flush()?;
    Ok(exit)
}

/// What `put` was given.
pub(crate) struct Put<'a> {
    pub(crate) collection: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) json: Option<&'a str>,
    pub(crate) lines: bool,
}

impl Put<'_> {
    pub(crate) async fn run(&self, database: &Database, bars: Bars) -> Result<Exit, Problem> {
        let put = match self.id {
            Some(id) if !self.lines => self.one(database, id).await?,
            _ => self.many(database, bars).await?,
        };
        Lines::new().say(&json!({ "put": put }))?;
        Ok(Exit::Done)
    }

    async fn one(&self, database: &Database, id: &str) -> Result<u64, Problem> {
        let document = read_document(self.json.unwrap_or("-")).await?;
        database.collection::<Value>(self.collection).put(id, &document).await?;
        Ok(1)
    }

    async fn many(&self, database: &Database, bars: Bars) -> Result<u64, Problem> {
        let collection = database.collection::<Value>(self.collection);
        let bar = bars.of_count("documents put");
        let mut batches = Batches::of_stdin();
        let mut put = 0;
        while let Some(batch) = batches.next().await {
            let stored = match batch {
                Ok(batch) => {
                    let count = batch.len() as u64;
                    collection.put_many(batch).await.map(|()| count).map_err(Problem::from)
                }
                Err(problem) => Err(problem),
            };
            put += stored.inspect_err(|_| note(format_args!("{put} documents were put before")))?;
            bar.set_position(put);
        }
        bar.finish_and_clear();
        Ok(put)
    }
}

pub(crate) async fn delete(database: &Database, collection: &str, ids: &[String]) -> Result<Exit, Problem> {
    let documents = database.collection::<Value>(collection);
    let mut lines = Lines::new();
    let mut exit = Exit::Done;
    for id in ids {
        let deleted = documents.delete(id).await?;
        lines.say(&json!({ "id": id, "deleted": deleted }))?;
        if !deleted {
            exit = Exit::NothingThere;
        }
    }
    Ok(exit)
}

/// Names of collections, or a part of one.
pub(crate) async fn list(database: &Database, collection: Option<&str>, range: &Range) -> Result<Exit, Problem> {
    let mut lines = Lines::new();
    let Some(collection) = collection else {
        for name in database.collections().await? {
            lines.gather(&json!({ "collection": name }))?;
        }
        lines.flush()?;
        return Ok(Exit::Done);
    };
    let mut left = range.limit.unwrap_or(u64::MAX);
    let mut after = None;
    let mut exit = Exit::Done;
    if let Some(from) = range.from.as_deref() {
        // The engine's ranges begin behind an id: this one is asked for by itself.
        after = Some(from.to_owned());
        if left > 0 && begins(range, from) && !from.is_empty() {
            let first = database.collection::<Value>(collection).get(from).await?;
            if let Some(value) = first {
                lines.gather(&row(from, range.values.then_some(value)))?;
                left -= 1;
            }
        }
    }
    while left > 0 {
        let limit = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
        let part = IdRange { after, before: range.to.clone(), prefix: range.prefix.clone(), limit };
        let page = page(database, collection, part, range.values).await?;
        for (id, value) in page.rows {
            lines.gather(&row(&id, value))?;
            left -= 1;
        }
        lines.flush()?;
        if tell_corrupt(collection, &page.corrupt) {
            exit = Exit::Storage;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    lines.flush()?;
    Ok(exit)
}

fn begins(range: &Range, from: &str) -> bool {
    let before = range.to.as_deref().is_none_or(|to| from < to);
    before && range.prefix.as_deref().is_none_or(|prefix| from.starts_with(prefix))
}

fn row(id: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => json!({ "id": id, "value": value }),
        None => json!({ "id": id }),
    }
}

/// A part of a collection.
struct Page {
    rows: Vec<(String, Option<Value>)>,
    corrupt: Vec<String>,
    /// The last id, when there are more.
    next: Option<String>,
}

async fn page(database: &Database, collection: &str, range: IdRange, values: bool) -> Result<Page, Problem> {
    let collection = collection.to_owned();
    if !values {
        let reply = database.call(Command::List { collection, range }).await?;
        let Reply::Ids { ids, more } = reply else { return Err(Problem::wrong_reply()) };
        let next = ids.last().cloned().filter(|_| more);
        return Ok(Page { rows: ids.into_iter().map(|id| (id, None)).collect(), corrupt: vec![], next });
    }
    let reply = database.call(Command::Scan { collection, range }).await?;
    let Reply::Documents { ids, documents, corrupt, more, .. } = reply else { return Err(Problem::wrong_reply()) };
    let next = ids.last().max(corrupt.iter().max()).cloned().filter(|_| more);
    let rows = ids.into_iter().zip(parsed(&documents)?).map(|(id, value)| (id, Some(value))).collect();
    Ok(Page { rows, corrupt, next })
}

/// A filter as it was typed.
pub(crate) fn filter_of(text: Option<&str>) -> Result<Value, Problem> {
    let Some(text) = text else { return Ok(json!({})) };
    serde_json::from_str(text).map_err(|error| Problem::usage(format!("the filter is no JSON: {error}")))
}

/// A query in the engine's words.
pub(crate) fn query_of(asked: &Asked) -> Result<String, Problem> {
    let mut query = Map::from_iter([("filter".to_owned(), filter_of(asked.filter.as_deref())?)]);
    let order = |field: &String| match field.strip_prefix('-') {
        Some(field) => json!([field, -1]),
        None => json!([field, 1]),
    };
    if !asked.sort.is_empty() {
        query.insert("sort".into(), asked.sort.iter().map(order).collect());
    }
    if let Some(limit) = asked.limit {
        query.insert("limit".into(), limit.into());
    }
    if let Some(skip) = asked.skip {
        query.insert("offset".into(), skip.into());
    }
    if !asked.select.is_empty() {
        query.insert("select".into(), json!(asked.select));
    }
    Ok(Value::Object(query).to_string())
}

pub(crate) async fn find(database: &Database, collection: &str, query: &str, count: bool) -> Result<Exit, Problem> {
    let mut lines = Lines::new();
    if count {
        let command = Command::Count { collection: collection.into(), query: query.into(), within: None };
        let reply = database.call(command).await?;
        let Reply::Count { count, corrupt } = reply else { return Err(Problem::wrong_reply()) };
        lines.say(&json!({ "count": count }))?;
        return Ok(if tell_corrupt(collection, &corrupt) { Exit::Storage } else { Exit::Done });
    }
    let mut after = None;
    let mut exit = Exit::Done;
    loop {
        let (collection_name, query) = (collection.to_owned(), query.to_owned());
        let command = Command::Find { collection: collection_name, query, after, page: PAGE, within: None };
        let reply = database.call(command).await?;
        let Reply::Found { ids, documents, corrupt, next, .. } = reply else { return Err(Problem::wrong_reply()) };
        for (id, value) in ids.iter().zip(parsed(&documents)?) {
            lines.gather(&json!({ "id": id, "value": value }))?;
        }
        lines.flush()?;
        if tell_corrupt(collection, &corrupt) {
            exit = Exit::Storage;
        }
        after = next;
        if after.is_none() {
            return Ok(exit);
        }
    }
}

fn parsed(documents: &str) -> Result<Vec<Value>, Problem> {
    serde_json::from_str(documents).map_err(|_| Problem::wrong_reply())
}

/// Says which documents could not be read; everything else was.
fn tell_corrupt(collection: &str, ids: &[String]) -> bool {
    for id in ids {
        let failure = Failure::new(ErrorCode::StoreCorrupt, "the document's stored bytes do not decode");
        Problem::from(failure.about(collection, id)).tell();
    }
    !ids.is_empty()
}
