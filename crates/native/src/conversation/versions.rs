//! Which version of a document was read or written last: a put says it, so that only what the caller changed is applied.

use super::DocumentKey;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many documents are remembered; those that were seen first go first.
const REMEMBERED: usize = 50_000;

#[derive(Default)]
pub(crate) struct Versions(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    versions: BTreeMap<DocumentKey, String>,
    order: VecDeque<DocumentKey>,
}

impl Versions {
    pub(crate) fn saw(&self, collection: &str, id: &str, version: &str) {
        let key = (collection.to_owned(), id.to_owned());
        let mut seen = self.lock();
        if seen.versions.insert(key.clone(), version.to_owned()).is_none() {
            seen.order.push_back(key);
        }
        while seen.order.len() > REMEMBERED {
            if let Some(oldest) = seen.order.pop_front() {
                seen.versions.remove(&oldest);
            }
        }
    }

    /// As far as this conversation knows there is no such document.
    pub(crate) fn forget(&self, collection: &str, id: &str) {
        // Its place in the order stays, and means nothing.
        self.lock().versions.remove(&(collection.to_owned(), id.to_owned()));
    }

    pub(crate) fn of(&self, collection: &str, id: &str) -> Option<String> {
        self.lock().versions.get(&(collection.to_owned(), id.to_owned())).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
