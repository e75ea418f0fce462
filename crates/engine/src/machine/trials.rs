//! Entries whose merging ended an engine.
//!
//! Where panics abort (WebAssembly), an entry that makes Automerge panic takes the engine with it; nothing of it was committed, so the relay sends
//! it again. So the host hears which entry is being tried. When the engine dies in the middle, the host keeps that entry's id where the next
//! engine finds it, and the next engine keeps the entry aside without trying it. Where panics unwind they are caught, and end in the same reason.

use ashore_protocol::ids::EntryId;
use std::collections::BTreeSet;

/// What a host hears of trials, and what it knows of those before.
#[derive(Default)]
pub struct Trials {
    ended_badly: BTreeSet<EntryId>,
    tell: Option<Tell>,
}

type Tell = Box<dyn Fn(Option<&EntryId>)>;

impl Trials {
    /// `ended_badly` are the entries that earlier engines died of. `tell` hears an entry's id just before it is tried, and `None` when it is over.
    pub fn new(ended_badly: impl IntoIterator<Item = EntryId>, tell: impl Fn(Option<&EntryId>) + 'static) -> Self {
        Self { ended_badly: ended_badly.into_iter().collect(), tell: Some(Box::new(tell)) }
    }

    /// Whether an engine died of this entry before.
    pub(super) fn must_not_try(&self, entry: &EntryId) -> bool {
        self.ended_badly.contains(entry)
    }

    pub(super) fn begin(&self, entry: &EntryId) {
        self.say(Some(entry));
    }

    pub(super) fn end(&self) {
        self.say(None);
    }

    fn say(&self, entry: Option<&EntryId>) {
        if let Some(tell) = &self.tell {
            tell(entry);
        }
    }
}
