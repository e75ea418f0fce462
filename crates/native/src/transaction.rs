//! Several writes, all or nothing, as one change set that travels as one entry.

use crate::collection::{note, to_json, write_all};
use crate::conversation::Conversation;
use ashore_engine::api::{Durability, Failure, Write};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Writes that are gathered and committed together. Dropped without [`Transaction::commit`], nothing of it happens.
///
/// What it read before it wrote is the caller's: a put is compared with the version that this handle of the database read last, so that edits of
/// others that came in between stay.
#[must_use = "nothing happens before `commit`"]
pub struct Transaction {
    conversation: Arc<Conversation>,
    writes: Vec<Write>,
}

impl Transaction {
    pub(crate) fn of(conversation: Arc<Conversation>) -> Self {
        Self { conversation, writes: Vec::new() }
    }

    /// Puts a document.
    pub fn put<T: Serialize>(&mut self, collection: &str, id: impl Into<String>, document: &T) -> Result<(), Failure> {
        let documents = format!("[{}]", to_json(document)?);
        self.writes.push(Write::Put {
            collection: collection.to_owned(),
            ids: vec![id.into()],
            documents,
            // Known when its turn has come.
            bases: vec![None],
        });
        Ok(())
    }

    /// Applies MongoDB's modifiers; where there is no such document none is made.
    pub fn modify(&mut self, collection: &str, id: impl Into<String>, modifiers: &Value) {
        let modifiers = modifiers.to_string();
        self.writes.push(Write::Modify { collection: collection.to_owned(), ids: vec![id.into()], modifiers });
    }

    /// Deletes a document.
    pub fn delete(&mut self, collection: &str, id: impl Into<String>) {
        self.writes.push(Write::Delete { collection: collection.to_owned(), ids: vec![id.into()] });
    }

    /// Commits all of it, to survive the end of the program.
    pub async fn commit(self) -> Result<(), Failure> {
        self.commit_as(Durability::Relaxed).await
    }

    /// Commits all of it, to survive a power cut.
    pub async fn commit_strict(self) -> Result<(), Failure> {
        self.commit_as(Durability::Strict).await
    }

    async fn commit_as(self, durability: Durability) -> Result<(), Failure> {
        let Self { conversation, mut writes } = self;
        if writes.is_empty() {
            return Ok(());
        }
        let documents: Vec<(String, Vec<String>)> = writes.iter().map(documents_of).collect();
        let keys: BTreeSet<_> =
            documents.iter().flat_map(|(of, ids)| ids.iter().map(move |id| (of.clone(), id.clone()))).collect();
        let _turn = conversation.turns.take_keys(keys).await;
        let mut written = BTreeSet::new();
        for write in &mut writes {
            let Write::Put { collection, ids, bases, .. } = write else { continue };
            *bases = ids
                .iter()
                // A second put of one document is compared with what the first one made.
                .map(|id| {
                    let first = written.insert((collection.clone(), id.clone()));
                    first.then(|| conversation.versions.of(collection, id)).flatten()
                })
                .collect();
        }
        let results = write_all(&conversation, writes, durability, false).await?;
        for ((collection, ids), result) in documents.iter().zip(&results) {
            note(&conversation, collection, ids, Some(result));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transaction({} writes)", self.writes.len())
    }
}

fn documents_of(write: &Write) -> (String, Vec<String>) {
    match write {
        Write::Put { collection, ids, .. }
        | Write::Migrate { collection, ids, .. }
        | Write::Delete { collection, ids }
        | Write::Modify { collection, ids, .. }
        | Write::Revert { collection, ids, .. } => (collection.clone(), ids.clone()),
        Write::Text { collection, id, .. } => (collection.clone(), vec![id.clone()]),
    }
}
