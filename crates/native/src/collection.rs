//! Documents of one collection, as values of a Rust type.

use crate::conversation::Conversation;
use crate::query::{Query, page_of, parse_documents, wrong_reply};
use ashore_engine::api::{Command, Durability, ErrorCode, Failure, IdRange, Reply, Write, WriteResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// Named documents that are values of `T`: a struct, a map or `serde_json::Value`, as long as it is an object in JSON.
///
/// What JSON lacks (dates, bytes, counters, collaborative texts, integers beyond 53 bits) is an object with the one key `$ashore`, as docs/rust.md lists.
pub struct Collection<T> {
    conversation: Arc<Conversation>,
    name: String,
    durability: Durability,
    documents: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self {
            conversation: Arc::clone(&self.conversation),
            name: self.name.clone(),
            durability: self.durability,
            documents: PhantomData,
        }
    }
}

impl<T: Serialize + DeserializeOwned> Collection<T> {
    pub(crate) fn of(conversation: Arc<Conversation>, name: &str) -> Self {
        Self { conversation, name: name.to_owned(), durability: Durability::Relaxed, documents: PhantomData }
    }

    /// The same collection, whose writes count as done when they survive a power cut.
    #[must_use]
    pub fn strict(self) -> Self {
        Self { durability: Durability::Strict, ..self }
    }

    /// The collection's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts a document. What differs from what this handle read or wrote last is applied to what is there now; it resolves when it is kept.
    pub async fn put(&self, id: impl Into<String>, document: &T) -> Result<(), Failure> {
        self.put_many([(id, document)]).await
    }

    /// Puts several documents, all or nothing; much faster than one by one. Of an id that occurs twice the last counts.
    pub async fn put_many<I, D>(&self, documents: impl IntoIterator<Item = (I, D)>) -> Result<(), Failure>
    where
        I: Into<String>,
        D: Borrow<T>,
    {
        let mut texts = BTreeMap::new();
        for (id, document) in documents {
            texts.insert(id.into(), to_json(document.borrow())?);
        }
        if texts.is_empty() {
            return Ok(());
        }
        let (ids, texts): (Vec<String>, Vec<String>) = texts.into_iter().unzip();
        let _turn = self.conversation.turns.take(&self.name, &ids).await;
        self.put_json(ids, format!("[{}]", texts.join(","))).await
    }

    async fn put_json(&self, ids: Vec<String>, documents: String) -> Result<(), Failure> {
        let versions = &self.conversation.versions;
        let bases = ids.iter().map(|id| versions.of(&self.name, id)).collect();
        let write = Write::Put { collection: self.name.clone(), ids: ids.clone(), documents, bases };
        // Many documents may be more than one entry carries.
        let split = ids.len() > 1;
        let results = write_all(&self.conversation, vec![write], self.durability, split).await?;
        note(&self.conversation, &self.name, &ids, results.first());
        Ok(())
    }

    /// The document, or `None` when there is none.
    pub async fn get(&self, id: &str) -> Result<Option<T>, Failure> {
        Ok(self.get_many([id]).await?.pop().flatten())
    }

    /// The documents of these ids, in their order.
    pub async fn get_many<I: Into<String>>(&self, ids: impl IntoIterator<Item = I>) -> Result<Vec<Option<T>>, Failure> {
        let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
        let command = Command::Get { collection: self.name.clone(), ids: ids.clone() };
        let Reply::Documents { documents, versions, corrupt, .. } = self.conversation.ask(command).await? else {
            return Err(wrong_reply());
        };
        if let Some(id) = corrupt.first() {
            let failure = Failure::new(ErrorCode::StoreCorrupt, "The document's stored bytes do not decode.");
            return Err(failure.about(&self.name, id));
        }
        for (id, version) in ids.iter().zip(&versions) {
            if version.is_empty() {
                self.conversation.versions.forget(&self.name, id);
            } else {
                self.conversation.versions.saw(&self.name, id, version);
            }
        }
        parse_documents(&documents)
    }

    /// Reads a document, lets `change` edit it, and puts that; `false`, without having called `change`, when there is no such document.
    pub async fn update(&self, id: &str, change: impl FnOnce(&mut T)) -> Result<bool, Failure> {
        let id = id.to_owned();
        let _turn = self.conversation.turns.take(&self.name, [&id]).await;
        let Some(mut document) = self.get(&id).await? else { return Ok(false) };
        change(&mut document);
        let json = format!("[{}]", to_json(&document)?);
        self.put_json(vec![id], json).await?;
        Ok(true)
    }

    /// Applies MongoDB's modifiers, such as `json!({ "$inc": { "likes": 1 } })`, to what is there at that moment; whether there is such a document.
    pub async fn modify(&self, id: &str, modifiers: &Value) -> Result<bool, Failure> {
        let ids = vec![id.to_owned()];
        let _turn = self.conversation.turns.take(&self.name, &ids).await;
        let modifiers = modifiers.to_string();
        let write = Write::Modify { collection: self.name.clone(), ids: ids.clone(), modifiers };
        let results = write_all(&self.conversation, vec![write], self.durability, false).await?;
        note(&self.conversation, &self.name, &ids, results.first());
        Ok(match results.first() {
            Some(WriteResult::Modified { versions, .. }) => versions.iter().any(|version| !version.is_empty()),
            _ => false,
        })
    }

    /// Deletes a document; whether there was one.
    pub async fn delete(&self, id: &str) -> Result<bool, Failure> {
        let ids = vec![id.to_owned()];
        let _turn = self.conversation.turns.take(&self.name, &ids).await;
        let write = Write::Delete { collection: self.name.clone(), ids: ids.clone() };
        let results = write_all(&self.conversation, vec![write], self.durability, false).await?;
        self.conversation.versions.forget(&self.name, id);
        Ok(matches!(results.first(), Some(WriteResult::Deleted { existed }) if existed.contains(&true)))
    }

    /// All ids, in byte order.
    pub async fn list(&self) -> Result<Vec<String>, Failure> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let range = IdRange { after: all.last().cloned(), ..IdRange::default() };
            let command = Command::List { collection: self.name.clone(), range };
            let Reply::Ids { ids, more } = self.conversation.ask(command).await? else { return Err(wrong_reply()) };
            all.extend(ids);
            if !more {
                return Ok(all);
            }
        }
    }

    /// The documents that fit a filter in MongoDB's words, such as `json!({ "done": false, "due": { "$lt": today } })`.
    pub fn find(&self, filter: Value) -> Query<T> {
        Query::of(Arc::clone(&self.conversation), &self.name, page_of(filter))
    }

    /// All documents, in byte order of their ids.
    pub fn all(&self) -> Query<T> {
        self.find(Value::Object(Map::new()))
    }
}

impl<T> std::fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Collection").field(&self.name).finish()
    }
}

/// All or nothing. With `split` it may travel in several entries, which others may see one after another.
pub(crate) async fn write_all(
    conversation: &Conversation,
    writes: Vec<Write>,
    durability: Durability,
    split: bool,
) -> Result<Vec<WriteResult>, Failure> {
    match conversation.ask(Command::Write { writes, durability, split }).await? {
        Reply::Written { results, .. } => Ok(results),
        _ => Err(wrong_reply()),
    }
}

/// Remembers what a write made.
pub(crate) fn note(conversation: &Conversation, collection: &str, ids: &[String], result: Option<&WriteResult>) {
    match result {
        Some(WriteResult::Put { versions } | WriteResult::Modified { versions, .. }) => {
            for (id, version) in ids.iter().zip(versions).filter(|(_, version)| !version.is_empty()) {
                conversation.versions.saw(collection, id, version);
            }
        }
        Some(_) => ids.iter().for_each(|id| conversation.versions.forget(collection, id)),
        None => {}
    }
}

pub(crate) fn to_json<T: Serialize>(document: &T) -> Result<String, Failure> {
    serde_json::to_string(document).map_err(|error| {
        Failure::new(ErrorCode::DocumentNotSerializable, format!("The document has no JSON: {error}."))
    })
}
