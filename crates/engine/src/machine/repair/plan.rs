//! What is to be done about each fault. A plan is made before anything is changed; rows that it needs are loaded first.

use super::documents::{DocumentPlan, RowPlan};
use crate::api::Remedy;
use crate::machine::batch::Waiting;
use crate::machine::check::Fault;
use crate::machine::rows::Missing;
use crate::machine::{Machine, keys};
use crate::store::keys::{parse_declarations_key, parse_definitions_key};
use crate::store::{Key, LostRange, Value as RowBytes};
use ashore_protocol::header::VerifiedEntry;
use ashore_protocol::ids::EntryId;

/// What a page says was done, if anything is said yet; and what is to be done.
pub(super) type Planned = (Option<Remedy>, Plan);

pub(super) enum Plan {
    Nothing,
    Rows(Vec<(Key, Option<RowBytes>)>),
    /// Rows, and the relay is asked for what they were.
    AskAgain(Vec<(Key, Option<RowBytes>)>),
    Lost(LostRange),
    Document(Box<RowPlan>),
    Gather(Box<DocumentPlan>),
    Index {
        collection: String,
        number: u32,
    },
    /// A control entry in both places.
    Control {
        sequence: u64,
        entry: Box<VerifiedEntry>,
    },
    Waits {
        sequence: u64,
        waiting: Waiting,
    },
    /// Everything that waits for the relay goes in other entries.
    SendAgain,
    Unkeep {
        key: Key,
        id: Option<EntryId>,
    },
    Settings,
    Group,
    Definitions(String),
    Declarations(String),
}

impl Machine {
    pub(super) fn plan(&mut self, fault: &Fault) -> Result<Planned, Missing> {
        let removed = |key: &Key| (Some(Remedy::Removed), Plan::Rows(vec![(key.clone(), None)]));
        Ok(match fault {
            Fault::Lost { lost } => (Some(Remedy::Lost), Plan::Lost(lost.clone())),
            Fault::Document { collection, id, .. } => return self.plan_document(collection, id),
            Fault::StrayChanges { needless: Some(key), .. } => removed(key),
            Fault::StrayChanges { collection, id, needless: None } => return self.plan_document(collection, id),
            Fault::Index { collection, number, .. } => {
                let (collection, number) = (collection.clone(), *number);
                (Some(Remedy::Restored), Plan::Index { collection, number })
            }
            Fault::StrayIndexRow { key } => removed(key),
            Fault::Entry { sequence } => return self.plan_entry(*sequence),
            Fault::Unindexed { sequence, id } => {
                let Some((generation, _)) = self.generation() else { return Ok((None, Plan::Nothing)) };
                let key = keys::entry_index(generation, id);
                (Some(Remedy::Restored), Plan::Rows(vec![(key, Some(sequence.to_be_bytes().into()))]))
            }
            Fault::StrayEntryIndex { key } => (Some(Remedy::AskedAgain), Plan::AskAgain(vec![(key.clone(), None)])),
            Fault::Control { sequence } => return self.plan_control(*sequence),
            Fault::StrayControl { sequence } => return self.plan_stray_control(*sequence),
            Fault::Outbox { sequence } => return self.plan_outbox(*sequence),
            Fault::Quarantine { key } => {
                (Some(Remedy::AskedAgain), Plan::Unkeep { key: key.clone(), id: keys::entry_id(key) })
            }
            Fault::Other { key } => self.plan_other(key),
        })
    }

    fn plan_other(&self, key: &Key) -> Planned {
        let written = |value: Option<RowBytes>| Plan::Rows(vec![(key.clone(), value)]);
        match key.first() {
            // They hold nothing but their names.
            Some(b'c' | b'u') => (Some(Remedy::Restored), written(Some(RowBytes::default()))),
            Some(b'r') => (Some(Remedy::Restored), Plan::AskAgain(vec![(key.clone(), None)])),
            // A document that was being put together is still broken, so it is begun again.
            Some(b'm' | b'x') => (Some(Remedy::Removed), written(None)),
            Some(b's') => (Some(Remedy::Kept), Plan::Settings),
            Some(b'g') if self.sync.group.is_some() => (Some(Remedy::Restored), Plan::Group),
            Some(b'd') => match parse_definitions_key(key) {
                Ok(name) if !self.index_catalog(&name).is_empty() => (Some(Remedy::Restored), Plan::Definitions(name)),
                _ => (Some(Remedy::Lost), written(None)),
            },
            Some(b'w') => match parse_declarations_key(key) {
                Ok(name) if self.readable_declarations(&name).is_some() => {
                    (Some(Remedy::Restored), Plan::Declarations(name))
                }
                // Until it is declared again nothing of the collection leaves.
                _ => (Some(Remedy::Lost), Plan::Nothing),
            },
            Some(b'g') => (Some(Remedy::Lost), Plan::Nothing),
            _ => (Some(Remedy::Lost), written(None)),
        }
    }

    pub(super) fn carry_out(&mut self, plan: Plan) {
        match plan {
            Plan::Nothing => {}
            Plan::Rows(writes) => self.write_rows(writes),
            Plan::AskAgain(writes) => {
                self.write_rows(writes);
                self.ask_again();
            }
            Plan::Lost(lost) => self.lose(&lost),
            Plan::Document(plan) => self.restore_row(*plan),
            Plan::Gather(plan) => self.note_gathered(*plan),
            Plan::Index { collection, number } => self.rebuild_index(&collection, number),
            Plan::Control { sequence, entry } => self.restore_control(sequence, &entry),
            Plan::Waits { sequence, waiting } => self.put_into_outbox(sequence, waiting),
            Plan::SendAgain => self.send_all_again(),
            Plan::Unkeep { key, id } => {
                if let (Some(group), Some(id)) = (&mut self.sync.group, id) {
                    group.quarantine.remove(&id);
                }
                self.write_rows(vec![(key, None)]);
                self.ask_again();
            }
            Plan::Settings => self.write_settings(),
            Plan::Group => self.batch.group_changed = true,
            Plan::Definitions(collection) => self.write_definitions(&collection),
            Plan::Declarations(collection) => {
                if let Some(declarations) = self.readable_declarations(&collection) {
                    self.set_declarations(&collection, declarations);
                }
            }
        }
    }

    pub(in crate::machine) fn write_rows(&mut self, writes: Vec<(Key, Option<RowBytes>)>) {
        for (key, value) in writes {
            self.rows.write(&mut self.batch.rows, key, value);
        }
    }
}
