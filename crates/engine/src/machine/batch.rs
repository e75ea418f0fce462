//! What the next commit writes, and everything that may leave only once it is in the store.

use super::input::ConnectionId;
use crate::api::{Answer, ChangedDocuments, Event, News};
use crate::group::{Announced, BuriedDocument, DocumentChange, RelayPlace};
use crate::store::{Durability, Key, StoreBatch};
use ashore_protocol::ids::{DeviceId, EntryId};
use std::collections::{BTreeMap, BTreeSet};

/// More changed documents than this in one commit are not named one by one.
const MAX_NAMED_CHANGES: usize = 10_000;

/// Gathers while the batch before it is being written.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) rows: StoreBatch,
    pub(super) strict: bool,
    answers: BTreeMap<String, Vec<Answer>>,
    changed: BTreeMap<(String, bool), BTreeSet<String>>,
    changed_count: usize,
    events: Vec<Event>,
    /// Events for one client.
    told: BTreeMap<String, Vec<Event>>,
    pub(super) frames: Vec<(ConnectionId, Vec<u8>)>,
    pub(super) effects: Vec<Effect>,
    /// The keys of rows that keep what the relay has said of this device's own entries.
    pub(super) word: BTreeSet<Key>,
    /// Changes that wait for the entry in which they travel.
    pub(super) draft: Draft,
    /// The rows of clients whose remembered answers changed are written when the batch closes.
    pub(super) clients: BTreeSet<String>,
    /// The group's state is written when the batch closes.
    pub(super) group_changed: bool,
    /// Who is in the group, or what they may do, changed: everybody is told when the batch closes.
    pub(super) membership_changed: bool,
    /// A step of building indexes is in it: the next one waits for the next batch.
    pub(super) index_step: bool,
}

/// The entry that is being gathered.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) changes: Vec<DocumentChange>,
    pub(super) bytes: usize,
    /// The keys of documents that it announces: first and last.
    pub(super) announces: Option<(Vec<u8>, Vec<u8>)>,
    /// Which of the changes' writers are this device's.
    pub(super) writers: BTreeSet<[u8; 16]>,
    /// Documents of these names that are gone for good.
    pub(super) buried: BTreeMap<(String, String), BuriedDocument>,
}

/// What becomes true in memory once the batch is committed.
pub(super) enum Effect {
    /// An entry waits for the relay.
    Waits(u64, Waiting),
    /// Entries the relay has acknowledged.
    Acknowledged(Vec<u64>),
    /// Everything up to this place is stored.
    Stored(RelayPlace),
    /// So many entries of others were stored.
    Pulled(u64),
    /// Documents were announced.
    Announced(Announced),
    /// Documents wait to be put into entries whole, or none do any more.
    Behind(bool),
    /// These entries will not be sent: they came to nothing, or nobody needs them.
    Dropped(Vec<u64>),
    /// The joined group has taken the place of the one before.
    Switched,
    /// What came of a snapshot, or of an entry that was aside, is stored.
    Settled,
}

/// An entry in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) id: EntryId,
    /// How many documents it changes; 0 for a control entry.
    pub(super) changes: u64,
    pub(super) bytes: u64,
    /// The keys of documents that it announces: first and last.
    pub(super) announces: Option<(Vec<u8>, Vec<u8>)>,
    /// Who wrote it, if it was another device: a relay is filled again.
    pub(super) author: Option<DeviceId>,
    /// A control entry of this device that the log has not shown yet: until then it may come to nothing, so that nothing builds on it.
    pub(super) is_new_control: bool,
    /// What it names as its parents; empty where that does not matter.
    pub(super) parents: Vec<EntryId>,
    /// It came from a peer on a channel: no log that this device follows has shown it.
    pub(super) is_carried: bool,
}

impl Waiting {
    /// A control entry that is sent once more, or for the first time after all.
    pub(super) fn control(id: EntryId, bytes: u64) -> Self {
        Self {
            id,
            changes: 0,
            bytes,
            announces: None,
            author: None,
            is_new_control: false,
            parents: Vec::new(),
            is_carried: false,
        }
    }
}

impl Batch {
    pub(super) fn answer(&mut self, client: &str, answer: Answer) {
        self.answers.entry(client.to_owned()).or_default().push(answer);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(super) fn tell(&mut self, client: &str, event: Event) {
        self.told.entry(client.to_owned()).or_default().push(event);
    }

    /// Whether a client waits for an answer from this batch.
    pub(super) fn answers(&self, client: &str) -> bool {
        self.answers.contains_key(client)
    }

    pub(super) fn changed(&mut self, collection: &str, id: &str, remote: bool) {
        let new = self.changed.entry((collection.to_owned(), remote)).or_default().insert(id.to_owned());
        self.changed_count += usize::from(new);
    }

    pub(super) fn set_durability(&mut self, durability: crate::api::Durability) {
        self.strict |= durability == crate::api::Durability::Strict;
    }

    pub(super) fn durability(&self) -> Durability {
        if self.strict { Durability::Strict } else { Durability::Relaxed }
    }

    /// Nothing has to be written; whatever else it holds may leave at once.
    pub(super) fn writes_nothing(&self) -> bool {
        self.rows.is_empty() && self.clients.is_empty() && !self.group_changed && self.draft.changes.is_empty()
    }

    /// Nothing is written but what the relay has said, and nobody builds on that: lost, it is said again.
    pub(super) fn is_word_of_the_relay(&self) -> bool {
        let nobody_builds = self.answers.is_empty() && self.frames.is_empty() && !self.strict;
        nobody_builds && !self.rows.is_empty() && self.rows.len() == self.word.len()
    }

    /// What may leave now that it is committed: answers and events by client, then events for everybody.
    pub(super) fn take_news(&mut self) -> Vec<(Option<String>, News)> {
        let mut by_client: BTreeMap<String, News> = BTreeMap::new();
        for (client, answers) in std::mem::take(&mut self.answers) {
            by_client.entry(client).or_default().answers = answers;
        }
        for (client, events) in std::mem::take(&mut self.told) {
            by_client.entry(client).or_default().events = events;
        }
        let mut news: Vec<_> = by_client.into_iter().map(|(client, news)| (Some(client), news)).collect();
        let mut events = self.take_changed();
        events.append(&mut self.events);
        if !events.is_empty() {
            news.push((None, News { answers: vec![], events }));
        }
        news
    }

    fn take_changed(&mut self) -> Vec<Event> {
        let changed = std::mem::take(&mut self.changed);
        let missed = self.changed_count > MAX_NAMED_CHANGES;
        let changes: Vec<_> = changed
            .into_iter()
            .map(|((collection, remote), ids)| {
                let ids = if missed { vec![] } else { ids.into_iter().collect() };
                ChangedDocuments { collection, ids, remote }
            })
            .collect();
        if changes.is_empty() { vec![] } else { vec![Event::Changed { changes, missed }] }
    }

    /// The clients that wait for an answer from this batch, with the ids of their calls.
    pub(super) fn waiting_calls(&self) -> Vec<(String, u64)> {
        let each = |(client, answers): (&String, &Vec<Answer>)| {
            answers.iter().map(|answer| (client.clone(), answer.id)).collect::<Vec<_>>()
        };
        self.answers.iter().flat_map(each).collect()
    }
}
