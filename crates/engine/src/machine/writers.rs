//! Who wrote a change: which names ("writers", the first bytes of an actor) are this device's, and which other members'.
//!
//! A device writes by another name after each opening. It remembers its own in rows of its own, so that it knows its changes
//! for ever, with or without a group. What others wrote is known by their word: an entry names those of its changes' writers
//! that are its author's. The first word counts.

use super::rows::Missing;
use super::{Machine, keys};
use crate::document::edit::{Actor, OwnActors};
use crate::group::{DataPayload, MAX_WRITERS};
use crate::store::RowValue;
use ashore_protocol::gather::Gather;
use ashore_protocol::ids::DeviceId;
use std::collections::{BTreeMap, BTreeSet};

/// The first bytes of an actor.
pub(super) type Writer = [u8; 16];

/// What is known of some writers.
#[derive(Default)]
pub(super) struct KnownWriters {
    pub(super) own: OwnActors,
    pub(super) members: BTreeMap<Writer, DeviceId>,
}

impl Machine {
    /// This opening has written something: its name is this device's from the same batch on.
    pub(super) fn note_own_writing(&mut self) {
        if !std::mem::replace(&mut self.wrote, true) {
            self.note_own_writer(self.actor.0);
        }
    }

    /// What was written so far and what is written from here on may meet in one document that has lost its history between them: its writer's changes would have the
    /// same numbers.
    pub(super) fn write_by_a_new_name(&mut self) {
        if std::mem::replace(&mut self.wrote, false) {
            self.actor = Actor(self.rng.bytes());
        }
    }

    fn note_own_writer(&mut self, writer: Writer) {
        self.rows.write(&mut self.batch.rows, keys::own_writer(&writer), Some(Vec::new().into()));
    }

    /// Which of these are this device's.
    pub(super) fn own_writers(&mut self, writers: &BTreeSet<Writer>) -> Result<OwnActors, Missing> {
        let rows: Vec<_> = writers.iter().map(|writer| (*writer, self.rows.one(&keys::own_writer(writer)))).collect();
        let own = rows.into_iter().map(|(writer, row)| Ok(row?.map(|_| writer)));
        let own: Vec<_> = own.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(own.into_iter().gather())
    }

    /// Whose these are.
    pub(super) fn known_writers(&mut self, writers: &BTreeSet<Writer>) -> Result<KnownWriters, Missing> {
        let own = self.own_writers(writers);
        let generation = self.sync.group.as_ref().map(|group| group.state.generation);
        let rows: Vec<_> = generation
            .iter()
            .flat_map(|generation| writers.iter().map(|writer| (*writer, keys::group_writer(*generation, writer))))
            .map(|(writer, key)| (writer, self.rows.one(&key)))
            .collect();
        let mut members = BTreeMap::new();
        for (writer, row) in rows {
            if let Some(RowValue::Present(bytes)) = row?
                && let Ok(id) = <[u8; 32]>::try_from(&bytes[..])
            {
                members.insert(writer, DeviceId(id));
            }
        }
        Ok(KnownWriters { own: own?, members })
    }

    /// Whoever made a snapshot says whose these are; what is known already counts.
    pub(super) fn note_told_writers(&mut self, told: &[(Writer, DeviceId)]) -> Result<(), Missing> {
        let writers: BTreeSet<Writer> = told.iter().map(|(writer, _)| *writer).gather();
        let Some(group) = &self.sync.group else { return Ok(()) };
        let (generation, own) = (group.state.generation, group.secrets.device.device_id());
        let known = self.known_writers(&writers)?;
        for (writer, device) in told {
            if known.own.contains(writer) || known.members.contains_key(writer) {
                continue;
            }
            if *device == own {
                self.note_own_writer(*writer);
            } else {
                let key = keys::group_writer(generation, writer);
                self.rows.write(&mut self.batch.rows, key, Some(device.as_bytes().to_vec().into()));
            }
        }
        Ok(())
    }

    /// The author of an entry says that these are its own.
    pub(super) fn note_writers(&mut self, author: DeviceId, opened: &DataPayload) -> Result<(), Missing> {
        let told = opened.writers.iter().flatten().take(MAX_WRITERS);
        let writers: BTreeSet<Writer> = told.map(|writer| writer.0).gather();
        let Some(group) = &self.sync.group else { return Ok(()) };
        let (generation, mine) = (group.state.generation, group.secrets.device.device_id() == author);
        let known = self.known_writers(&writers)?;
        let unknown =
            writers.iter().filter(|writer| !known.own.contains(*writer) && !known.members.contains_key(*writer));
        for writer in unknown {
            if mine {
                // This device wrote it before it was restored from a backup.
                self.note_own_writer(*writer);
            } else {
                let key = keys::group_writer(generation, writer);
                self.rows.write(&mut self.batch.rows, key, Some(author.as_bytes().to_vec().into()));
            }
        }
        Ok(())
    }
}
