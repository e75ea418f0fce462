//! What a query asks for: read once, counted, or watched.

use crate::conversation::{Conversation, LiveRows, Row};
use ashore_engine::api::{Command, ErrorCode, Failure, Reply};
use futures_util::Stream;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A query over one collection. It does nothing until it is read.
pub struct Query<T> {
    conversation: Arc<Conversation>,
    collection: String,
    query: Map<String, Value>,
    documents: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Query<T> {
    pub(crate) fn of(conversation: Arc<Conversation>, collection: &str, query: Map<String, Value>) -> Self {
        Self { conversation, collection: collection.to_owned(), query, documents: PhantomData }
    }

    /// In the order of this field, after those that were named before.
    #[must_use]
    pub fn sort(self, field: &str) -> Self {
        self.order(field, 1)
    }

    /// The other way round.
    #[must_use]
    pub fn sort_descending(self, field: &str) -> Self {
        self.order(field, -1)
    }

    fn order(mut self, field: &str, direction: i8) -> Self {
        let sort = self.query.entry("sort").or_insert_with(|| json!([]));
        if let Value::Array(fields) = sort {
            fields.push(json!([field, direction]));
        }
        self
    }

    /// At most so many.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.query.insert("limit".into(), limit.into());
        self
    }

    /// Leaves out the first so many.
    #[must_use]
    pub fn skip(mut self, offset: u64) -> Self {
        self.query.insert("offset".into(), offset.into());
        self
    }

    /// The documents with their ids, in the query's order.
    pub async fn rows(&self) -> Result<Vec<(String, T)>, Failure> {
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let query = self.text();
            let command = Command::Find { collection: self.collection.clone(), query, after, page: 0, within: None };
            let Reply::Found { ids, documents, versions, next, .. } = self.conversation.ask(command).await? else {
                return Err(wrong_reply());
            };
            for (id, version) in ids.iter().zip(&versions) {
                self.conversation.versions.saw(&self.collection, id, version);
            }
            rows.extend(ids.into_iter().zip(parse_documents::<T>(&documents)?));
            after = next;
            if after.is_none() {
                return Ok(rows);
            }
        }
    }

    /// The documents, in the query's order.
    pub async fn documents(&self) -> Result<Vec<T>, Failure> {
        Ok(self.rows().await?.into_iter().map(|(_, document)| document).collect())
    }

    /// How many documents there are.
    pub async fn count(&self) -> Result<u64, Failure> {
        let command = Command::Count { collection: self.collection.clone(), query: self.text(), within: None };
        match self.conversation.ask(command).await? {
            Reply::Count { count, .. } => Ok(count),
            _ => Err(wrong_reply()),
        }
    }

    /// The documents now, and again whenever they are others. A listener that is slow gets the latest, not each.
    pub fn watch(&self) -> Result<Watch<T>, Failure> {
        let rows = self.conversation.watch(&self.collection, self.text())?;
        Ok(Watch { rows, documents: PhantomData })
    }

    fn text(&self) -> String {
        Value::Object(self.query.clone()).to_string()
    }
}

impl<T> std::fmt::Debug for Query<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("collection", &self.collection).finish_non_exhaustive()
    }
}

/// A live answer: a stream of all of its rows. It ends when the database is closed, after a failure when it cannot go on, and the engine stops
/// watching when it is dropped.
pub struct Watch<T> {
    rows: Arc<LiveRows>,
    documents: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Stream for Watch<T> {
    type Item = Result<Vec<(String, T)>, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.rows.poll(context).map(|state| state.map(|rows| rows?.into_iter().map(parse_row).collect()))
    }
}

impl<T> std::fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch(…)")
    }
}

pub(crate) fn page_of(filter: Value) -> Map<String, Value> {
    Map::from_iter([("filter".to_owned(), filter)])
}

fn parse_row<T: DeserializeOwned>((id, document): Row) -> Result<(String, T), Failure> {
    let parsed = T::deserialize(&*document).map_err(|error| does_not_fit(&error))?;
    Ok((id, parsed))
}

pub(crate) fn parse_documents<T: DeserializeOwned>(documents: &str) -> Result<Vec<T>, Failure> {
    serde_json::from_str(documents).map_err(|error| does_not_fit(&error))
}

fn does_not_fit(error: &serde_json::Error) -> Failure {
    // Its words may name what is in a document; where it is says enough.
    let place = format!("line {}, column {}", error.line(), error.column());
    Failure::new(
        ErrorCode::DocumentInvalid,
        format!("A document does not fit the type that it is read as, at {place}."),
    )
}

pub(crate) fn wrong_reply() -> Failure {
    Failure::new(ErrorCode::Internal, "The answer was of another kind.")
}
