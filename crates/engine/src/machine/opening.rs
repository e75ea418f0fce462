//! Opening: reading what the store knows about settings, clients and the group before anything else is done.

use super::rows::Missing;
use super::sync::{Group, Kept};
use super::task::OpenTask;
use super::vanish::RetentionSettings;
use super::{Machine, keys};
use crate::api::{ErrorCode, Failure};
use crate::group::{AskingState, GroupState, JoiningState, RelayPlace, Secrets, SyncSettings};
use crate::store::keys::{declarations_range, definitions_range};
use crate::store::{RowValue, Rows};
use ashore_protocol::codec::decode;
use ashore_protocol::header::Entry;
use ashore_protocol::membership::Membership;
use minicbor::{Decode, Encode};

/// The row of settings.
#[derive(Encode, Decode)]
#[cbor(array)]
pub(super) struct SettingsRow {
    #[n(0)]
    pub(super) settings: SyncSettings,
    /// For the next group, when there is none.
    #[n(1)]
    pub(super) next_generation: u64,
    #[n(2)]
    pub(super) next_sequence: u64,
    #[n(3)]
    pub(super) retention: Option<RetentionSettings>,
}

impl Machine {
    pub(super) fn open(&mut self, task: &mut OpenTask) -> Result<(), Missing> {
        if task.step == 0 {
            self.open_settings()?;
            task.step = 1;
        }
        if task.step == 1 {
            let rows = self.scan_rows(&mut task.scan, &keys::clients())?;
            self.open_clients(rows);
            task.step = 2;
        }
        if task.step == 2 {
            self.open_vanish()?;
            task.step = 3;
        }
        let Some(generation) = self.sync.group.as_ref().map(|group| group.state.generation) else {
            self.opened = true;
            return Ok(());
        };
        if task.step == 3 {
            let rows = self.scan_rows(&mut task.scan, &keys::controls(generation))?;
            self.open_controls(&rows);
            task.step = 4;
        }
        if task.step == 4 {
            let rows = self.scan_rows(&mut task.scan, &keys::outboxes(generation))?;
            self.open_outbox(&rows);
            task.step = 5;
        }
        if task.step == 5 {
            let rows = self.scan_rows(&mut task.scan, &keys::quarantines(generation))?;
            self.open_quarantine(&rows);
            task.step = 6;
        }
        if task.step == 6 {
            let rows = self.scan_rows(&mut task.scan, &keys::relays(generation))?;
            self.open_places(&rows);
            self.look_at_membership();
            task.step = 7;
        }
        if task.step == 7 {
            // Both say what they need before either goes on, so that it is loaded together.
            let (envelopes, taking) = (self.open_envelopes(), self.restore_taking());
            envelopes?;
            taking?;
            self.sync.looking_in.due_at = Some(self.now);
            task.step = 8;
        }
        if task.step == 8 {
            let rows = self.scan_rows(&mut task.scan, &keys::all_seen(generation))?;
            self.open_seen(&rows);
            task.step = 9;
        }
        self.opened = true;
        Ok(())
    }

    fn open_settings(&mut self) -> Result<(), Missing> {
        let rows = (self.rows.one(&keys::settings()), self.rows.one(&keys::group()), self.rows.one(&keys::joining()));
        let asking = self.rows.one(&keys::asking());
        let mending = (self.rows.one(&keys::mending()), self.rows.one(&keys::importing()));
        let definitions = self.rows.once(definitions_range());
        let declarations = self.rows.once(declarations_range());
        let (settings, group, joining, mending, importing) = (rows.0?, rows.1?, rows.2?, mending.0?, mending.1?);
        let asking = asking?;
        // What is read once is gone once it was answered: both are here, or both are asked for again.
        let (definitions, declarations) = match (definitions, declarations) {
            (Ok(definitions), Ok(declarations)) => (definitions, declarations),
            _ => return Err(Missing),
        };
        // One that cannot be read was most likely never there: it lies in a part of the storage that was lost.
        self.open_importing(importing.and_then(|row| row.present().map(|file| file.to_vec())));
        self.open_mending(decoded(mending.as_ref()).unwrap_or_default());
        self.open_indexes(&definitions);
        self.open_declarations(&declarations);
        if let Some(row) = decoded::<SettingsRow>(settings.as_ref()) {
            self.sync.kept_synced_at = row.settings.last_synced_at;
            self.sync.settings = row.settings;
            self.next_generation = row.next_generation;
            self.next_sequence = row.next_sequence;
            self.vanish.settings = row.retention.unwrap_or_default();
        }
        if let Some(state) = decoded::<JoiningState>(joining.as_ref()) {
            self.restore_joining(state);
        }
        if let Some(state) = decoded::<AskingState>(asking.as_ref()) {
            self.restore_asking(state);
        }
        let Some(state) = decoded::<GroupState>(group.as_ref()) else { return Ok(()) };
        match Secrets::open(&self.local, state.group, &state.secrets) {
            Ok(secrets) => {
                self.sync.sweep_below = Some(state.generation);
                self.sync.group = Some(Group::new(state, secrets));
            }
            Err(error) => {
                let failure = Failure::new(ErrorCode::StoreCorrupt, error.to_string());
                self.note_fault(failure);
            }
        }
        Ok(())
    }

    fn open_clients(&mut self, rows: Rows) {
        let clients = rows.rows.iter().filter_map(|(key, row)| {
            let bytes = row.present().map(|bytes| &bytes[..]);
            Some((keys::parse_client(key)?, bytes))
        });
        let clients = clients.collect();
        for name in self.clients.restore(clients, self.now) {
            self.rows.write(&mut self.batch.rows, keys::client(&name), None);
        }
    }

    /// The rows may be in any order: the rule makes the same of them.
    fn open_controls(&mut self, rows: &Rows) {
        let Some(group) = &mut self.sync.group else { return };
        let mut controls = Vec::new();
        for (key, row) in &rows.rows {
            let (Some(sequence), Some(bytes)) = (keys::sequence(key), row.present()) else { continue };
            let entry = Entry::decode(bytes).and_then(Entry::verified_before);
            controls.extend(entry.ok().map(|entry| (sequence, entry)));
        }
        let entries = controls.iter().map(|(_, entry)| entry);
        group.membership = Membership::resolve(group.state.group, entries).membership;
        for (sequence, entry) in &controls {
            group.note_control(*sequence, entry);
        }
    }

    fn open_outbox(&mut self, rows: &Rows) {
        let Some(group) = &mut self.sync.group else { return };
        for (key, row) in &rows.rows {
            let waiting = row.present().and_then(|bytes| Self::decode_outbox(bytes));
            if let (Some(sequence), Some(waiting)) = (keys::sequence(key), waiting) {
                group.outbox.insert(sequence, waiting);
            }
        }
    }

    fn open_quarantine(&mut self, rows: &Rows) {
        let Some(group) = &mut self.sync.group else { return };
        for (_, row) in &rows.rows {
            let Some(stored) = decoded::<super::receive::QuarantineRow>(Some(row)) else { continue };
            let Ok(entry) = Entry::decode(&stored.entry) else { continue };
            group.quarantine.insert(entry.id(), Kept::new(entry.header(), stored.entry.len(), stored.reason));
            if stored.may_pass_now() {
                group.retry.push_back(entry.id());
            }
        }
    }

    /// Where we stand at the relay of the settings. A relay that was never followed gets everything when another was. The first of
    /// several is tried first.
    fn open_places(&mut self, rows: &Rows) {
        let relay = self.sync.settings.relay.clone().unwrap_or_default();
        let relays = self.sync.settings.relays();
        // What is taken back lies at the relay that was followed.
        self.sync.turn_to = self.sync.settings.preferred_relay().filter(|_| !self.sync.takes_back()).cloned();
        let Some(group) = &mut self.sync.group else { return };
        let place_in = |row: &RowValue| decoded::<RelayPlace>(Some(row)).unwrap_or(start_again());
        for (key, row) in &rows.rows {
            let others = keys::parse_relay(key).filter(|address| *address != relay && relays.contains(address));
            group.places.extend(others.map(|address| (address, place_in(row))));
        }
        let known = rows.rows.iter().find(|(key, _)| keys::parse_relay(key).as_deref() == Some(relay.as_str()));
        let place = match known {
            Some((_, row)) => place_in(row),
            None if rows.rows.is_empty() => RelayPlace::default(),
            None => start_again(),
        };
        group.place = place.clone();
        group.stored = place;
    }
}

/// A relay that is new to this group: it is read from its start and given everything.
pub(super) fn start_again() -> RelayPlace {
    RelayPlace { refill_from: Some(0), ..RelayPlace::default() }
}

fn decoded<'b, T: Decode<'b, ()>>(row: Option<&'b RowValue>) -> Option<T> {
    row.and_then(RowValue::present).and_then(|bytes| decode(bytes).ok())
}
