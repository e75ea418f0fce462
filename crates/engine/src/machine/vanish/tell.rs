//! Telling others what was buried: when a change of it comes, from a backup or from a device that did not know, or when somebody writes a later document of that
//! name without naming what was buried, an entry with the marker answers. Where that arrives, what is left of the document goes; or, where it
//! is alive because somebody wrote over its tombstone, it is sent whole (see [`crate::document::edit::divide`]).

use super::super::rows::Missing;
use super::super::{Machine, sync};
use super::Name;
use crate::document::edit::{Beginning, Divided};
use crate::group::{BuriedDocument, DataPayload};
use ashore_protocol::gather::Gather;
use std::collections::{BTreeMap, BTreeSet};

/// The wait, in milliseconds: at least this long, and this much more at random, unless another device was quicker.
const FIRST_MS: u64 = 2_000;
const MORE_MS: u64 = 8_000;
/// So many are told in one entry.
const MAX_TOLD: usize = 200;
/// So many wait to be told. Of more, others hear when they write again.
const MAX_UNTOLD: usize = 1_000;

/// What was found about buried documents while changes were merged; nothing of it is true before these are stored.
#[derive(Default)]
pub(in crate::machine) struct Returned {
    /// What is left of the markers of documents that are alive again.
    markers: BTreeMap<(String, String), BTreeSet<Beginning>>,
    /// Something of these was left out.
    names: BTreeSet<(String, String)>,
    /// Of these something is not here, or may be missing: what was left out rests on it.
    lacking: BTreeSet<Name>,
}

impl Returned {
    /// What was found about this document before.
    pub(in crate::machine) fn marker_of(&self, (collection, id): (&str, &str)) -> Option<BTreeSet<Beginning>> {
        self.markers.get(&(collection.to_owned(), id.to_owned())).cloned()
    }

    /// Notes what came of dividing changes of a document with this marker; answers those that stay.
    pub(in crate::machine) fn take(
        &mut self,
        (collection, id): (&str, &str),
        marker: BTreeSet<Beginning>,
        divided: Divided,
    ) -> Vec<u8> {
        let name = || (collection.to_owned(), id.to_owned());
        if divided.returned {
            self.names.insert(name());
        }
        // What was buried or left out here before may be missing beside what came, and nothing that is here may rest on it.
        if divided.lacks || divided.alive {
            self.lacking.insert(Name { collection: collection.to_owned(), id: id.to_owned() });
        }
        if divided.alive {
            self.markers.insert(name(), marker.difference(&divided.beginnings).copied().gather());
        }
        divided.kept
    }

    /// All of it.
    pub(in crate::machine) fn extend(&mut self, more: Self) {
        self.markers.extend(more.markers);
        self.names.extend(more.names);
        self.lacking.extend(more.lacking);
    }
}

impl Machine {
    /// What was merged is stored: markers of what is alive again go.
    pub(in crate::machine) fn settle_returned(&mut self, returned: Returned) {
        for ((collection, id), left) in returned.markers {
            self.write_marker(&collection, &id, &left);
        }
        for (collection, id) in returned.names {
            self.must_tell(&collection, &id);
        }
        if !returned.lacking.is_empty() {
            self.want(returned.lacking);
        }
    }

    /// An entry was taken in: its author writes documents of which others were buried that it does not know of.
    pub(in crate::machine) fn note_unknowing(&mut self, opened: &DataPayload) {
        let told = opened.buried.as_deref().unwrap_or_default();
        for change in &opened.changes {
            let Some(marker) = self.known_marker(&change.collection, &change.id) else { continue };
            let knows = told.iter().any(|told| told.names_all_of(&marker));
            if !knows {
                self.must_tell(&change.collection, &change.id);
            }
        }
    }

    pub(super) fn must_tell(&mut self, collection: &str, id: &str) {
        let untold = self.vanish.to_do.untold.get_or_insert_default();
        let name = Name { collection: collection.to_owned(), id: id.to_owned() };
        if untold.len() < MAX_UNTOLD && untold.insert(name) {
            self.write_to_do();
        }
    }

    /// Changes of these documents cannot be merged, since others are missing. Where entries are let go of, a relay from a backup and a power cut can do that, and
    /// nothing but the whole document mends it.
    pub(in crate::machine) fn want_whole(&mut self, opened: &DataPayload) {
        let Some(group) = &self.sync.group else { return };
        if self.vanish.to_do.markers != Some(true) && group.snapshots.state.dropped != Some(true) {
            return;
        }
        let names =
            opened.changes.iter().map(|change| Name { collection: change.collection.clone(), id: change.id.clone() });
        self.want(names.gather());
    }

    fn want(&mut self, names: BTreeSet<Name>) {
        let wanted = self.vanish.to_do.wanted.get_or_insert_default();
        let room = MAX_UNTOLD.saturating_sub(wanted.len());
        wanted.extend(names.into_iter().take(room));
        self.write_to_do();
    }

    /// Another device asked for it: what answers comes here, too.
    pub(super) fn is_asked_for(&mut self, collection: &str, id: &str) {
        let name = Name { collection: collection.to_owned(), id: id.to_owned() };
        if self.vanish.to_do.wanted.as_mut().is_some_and(|wanted| wanted.remove(&name)) {
            self.vanish.to_do.wanted.take_if(|wanted| wanted.is_empty());
            self.write_to_do();
        }
    }

    /// Another device told all that this one knows of it.
    pub(super) fn is_told(&mut self, collection: &str, id: &str) {
        let Some(untold) = &mut self.vanish.to_do.untold else { return };
        let name = Name { collection: collection.to_owned(), id: id.to_owned() };
        if untold.remove(&name) {
            self.forget_nothing_untold();
            self.write_to_do();
        }
    }

    fn forget_nothing_untold(&mut self) {
        if self.vanish.to_do.untold.as_ref().is_some_and(BTreeSet::is_empty) {
            self.vanish.to_do.untold = None;
        }
    }

    pub(super) fn plan_telling(&mut self) {
        let may = self.in_step() && self.sync.group.as_ref().is_some_and(sync::Group::may_seal);
        let nothing = self.vanish.to_do.untold.is_none() && self.vanish.to_do.wanted.is_none();
        if nothing || !may {
            self.vanish.tell_at = None;
            self.vanish.telling = false;
            return;
        }
        let at = match self.vanish.tell_at {
            Some(at) => at.min(self.now.plus_ms(FIRST_MS + MORE_MS)),
            None => self.now.plus_ms(FIRST_MS + self.rng.below(MORE_MS + 1)),
        };
        self.vanish.tell_at = Some(at);
        self.vanish.telling |= at <= self.now;
    }

    /// A step of telling: the markers are loaded, then all of them are told.
    pub(super) fn tell_buried(&mut self) -> Result<(), Missing> {
        let untold = self.vanish.to_do.untold.clone().unwrap_or_default();
        let told: Vec<&Name> = untold.iter().take(MAX_TOLD).collect();
        let markers: Vec<_> = told.iter().map(|name| self.marker(&name.collection, &name.id)).collect();
        let mut buried = Vec::new();
        for (name, marker) in told.iter().zip(markers) {
            // One that is alive again by now has none.
            let Some(marker) = marker?.filter(|marker| !marker.is_empty()) else { continue };
            let beginnings: Vec<u8> = marker.into_iter().flatten().collect();
            let (collection, id) = (name.collection.clone(), name.id.clone());
            buried.push(BuriedDocument { collection, id, beginnings: beginnings.into() });
        }
        let mut wanted = self.vanish.to_do.wanted.take().unwrap_or_default().into_iter();
        // Nothing is said to be gone of what is only asked for.
        let asked = wanted.by_ref().take(MAX_TOLD);
        buried.extend(asked.map(|Name { collection, id }| BuriedDocument {
            collection,
            id,
            beginnings: vec![].into(),
        }));
        let wanted: BTreeSet<Name> = wanted.gather();
        self.vanish.to_do.wanted = (!wanted.is_empty()).then_some(wanted);
        self.vanish.telling = false;
        self.vanish.tell_at = None;
        self.vanish.to_do.untold = Some(untold.iter().skip(MAX_TOLD).cloned().gather());
        self.forget_nothing_untold();
        self.write_to_do();
        if !buried.is_empty() {
            self.seal_draft();
            self.seal_data(&DataPayload { changes: vec![], writers: None, buried: Some(buried) }, 0, None);
        }
        Ok(())
    }
}
