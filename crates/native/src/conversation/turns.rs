//! Writes of one document take turns: a second put must be based on what the first one made. Different documents never wait for each other.

use super::DocumentKey;
use futures_util::lock::{Mutex as AsyncMutex, OwnedMutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Turn = Arc<AsyncMutex<()>>;

#[derive(Default)]
pub(crate) struct Turns(Mutex<BTreeMap<DocumentKey, Turn>>);

/// It is this write's turn as long as this lives.
pub(crate) struct Held<'a> {
    turns: &'a Turns,
    keys: BTreeSet<DocumentKey>,
    guards: Vec<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn of all of them. In the order of the keys, so that no two wait for each other.
    pub(crate) async fn take(&self, collection: &str, ids: impl IntoIterator<Item = &String>) -> Held<'_> {
        let keys: BTreeSet<DocumentKey> = ids.into_iter().map(|id| (collection.to_owned(), id.clone())).collect();
        self.take_keys(keys).await
    }

    /// The same, over several collections.
    pub(crate) async fn take_keys(&self, keys: BTreeSet<DocumentKey>) -> Held<'_> {
        let turns: Vec<Turn> = {
            let mut all = self.lock();
            keys.iter().map(|key| Arc::clone(all.entry(key.clone()).or_default())).collect()
        };
        let mut held = Held { turns: self, keys, guards: Vec::with_capacity(turns.len()) };
        for turn in turns {
            held.guards.push(turn.lock_owned().await);
        }
        held
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DocumentKey, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.guards.clear();
        let mut all = self.turns.lock();
        for key in &self.keys {
            if all.get(key).is_some_and(|turn| Arc::strong_count(turn) == 1) {
                all.remove(key);
            }
        }
    }
}
