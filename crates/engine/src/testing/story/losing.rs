//! Devices that are lost for good, with what they had not sent; and what counts as sent.
//!
//! A device that says that it is in step has everything of its own at the relay: from then on what it was told to be written must survive it. When the relay
//! loses its disk that begins anew: then what only the relay and lost devices had is gone, and what another device has is that one's to give.

use super::{Broken, Story, edits};
use crate::api::{Command, SyncState};
use crate::document::DocumentRow;
use ashore_protocol::control::Control;
use ashore_protocol::header::{Entry, VerifiedEntry};
use ashore_protocol::ids::{EntryId, GroupId};
use ashore_protocol::membership::Membership;
use std::collections::{BTreeMap, BTreeSet};

impl Story {
    pub(super) fn is_lost(&self, index: usize) -> bool {
        self.ways.lost.contains(&index)
    }

    /// It is gone, and with it what it had not sent.
    pub(super) fn lose(&mut self, index: usize) {
        if self.network.trace {
            eprintln!("{index} is lost");
        }
        self.network.crash(index, false);
        self.network.devices[index].asked.clear();
        self.ways.lost.insert(index);
        self.joined.remove(&index);
        let unsent = self.ways.unsent.remove(&index).unwrap_or_default();
        self.excused.extend(unsent);
    }

    /// One of several.
    pub(super) fn lose_one(&mut self, index: usize) {
        // Where the relay has lost its disk, the last that had the group would take it along.
        let stays = self.ways.in_step.iter().any(|other| *other != index && self.is_member(*other));
        let comes_back = || self.living().len() > 1 && self.keys_are_settled() && !self.usable().is_empty();
        if stays || comes_back() {
            self.lose(index);
        }
    }

    /// Notes who has everything at the relay now, and who is somebody else than before.
    pub(super) fn note_who_is_in_step(&mut self) {
        if !self.ways.on {
            return;
        }
        for index in 0..self.pages.len() {
            let Some(status) = self.network.devices[index].status.as_ref().filter(|_| !self.is_lost(index)) else {
                continue;
            };
            let id = status.device.as_ref().filter(|_| !self.is_elsewhere(status));
            let (is_new, is_synced) =
                (id.is_some() && id != self.ways.ids.get(&index), status.state == SyncState::Synced);
            if let Some(id) = id.filter(|_| is_new).cloned() {
                self.ways.ids.insert(index, id);
                self.begin_anew(index);
            }
            if is_synced && self.is_member(index) {
                self.ways.unsent.remove(&index);
                self.ways.in_step.insert(index);
                self.pages[index].at_risk.clear();
            }
        }
    }

    /// What this device was told to be written counts as unsent again.
    fn begin_anew(&mut self, index: usize) {
        for (mark, written) in self.writes.iter().filter(|(_, written)| written.device == index && written.acknowledged)
        {
            self.ways.unsent.entry(index).or_default().insert(*mark);
            if !written.strict {
                self.pages[index].at_risk.insert(*mark);
            }
        }
    }

    /// The relay has lost its disk, or is what it was long ago.
    pub(super) fn relay_forgot(&mut self) {
        if !self.ways.on {
            return;
        }
        self.ways.left.values_mut().for_each(|left| left.lies = false);
        self.ways.in_step.clear();
        let living = self.living();
        let rows: Vec<_> = living.iter().map(|index| (*index, self.rows(*index))).collect();
        for mark in self.acknowledged_by_lost() {
            let Some(written) = self.writes.get_mut(&mark) else { continue };
            let has_it = |rows: &super::Rows| written.documents.iter().all(|name| has(rows, name, mark));
            match rows.iter().find(|(_, rows)| has_it(rows)) {
                Some((index, _)) => {
                    written.device = *index;
                    // It may have come with a commit that the power takes.
                    written.strict = false;
                }
                None => drop(self.excused.insert(mark)),
            }
        }
        living.into_iter().for_each(|index| self.begin_anew(index));
    }

    /// Writes of lost devices that must not be lost with them.
    pub(super) fn acknowledged_by_lost(&self) -> Vec<u64> {
        let counts = self.writes.iter().filter(|(mark, written)| {
            written.acknowledged && self.is_lost(written.device) && !self.excused.contains(mark)
        });
        counts.map(|(mark, _)| *mark).collect()
    }

    pub(super) fn group_id(&self) -> Option<GroupId> {
        self.ways.group.as_ref()?.parse().ok()
    }

    /// The control entries that the relay has.
    fn controls_at_relay(&self) -> Vec<VerifiedEntry> {
        let entries = self.group_id().map(|group| self.network.relay.entries(&group)).unwrap_or_default();
        let entries = entries.iter().filter_map(|bytes| Entry::decode(bytes).ok());
        let controls = entries.filter(|entry| entry.header().kind.is_control());
        controls.filter_map(|entry| entry.verified_before().ok()).collect()
    }

    /// Who is in the group by what the relay has.
    pub(super) fn membership_at_relay(&self) -> Option<Membership> {
        Some(Membership::resolve(self.group_id()?, &self.controls_at_relay()).membership)
    }

    /// How often somebody closed an invite or a recovery, whether that stands or not.
    pub(super) fn revoked_at_relay(&self) -> BTreeMap<EntryId, usize> {
        let mut revoked = BTreeMap::new();
        for entry in self.controls_at_relay() {
            if let Some(Control::Revoke { invite }) = entry.control() {
                *revoked.entry(*invite).or_default() += 1;
            }
        }
        revoked
    }

    /// Whether what the relay has dropped stands in a snapshot that counts.
    pub(super) fn is_whole_at_relay(&self, membership: &Membership) -> bool {
        let Some(group) = self.group_id() else { return false };
        let newest = self.network.relay.snapshots(&group).into_iter().next();
        let newest = newest.and_then(|bytes| Entry::decode(&bytes).ok());
        self.network.relay.floor(&group) == 0
            || newest.is_some_and(|entry| membership.may_write(&entry.header().author))
    }

    /// Whether nobody who is here can have what the group wrote: what the relay has dropped, or the key, went with devices that are lost or left.
    pub(super) fn nobody_has_it(&self) -> bool {
        let here = self.ways.in_step.iter().any(|index| self.is_member(*index));
        let machine = |index: usize| self.network.devices[index].machine.as_ref();
        let has_key = |index: usize| machine(index).is_some_and(crate::machine::Machine::has_present_key);
        let key = self.group_members().into_iter().any(has_key);
        let whole = || self.membership_at_relay().is_some_and(|membership| self.is_whole_at_relay(&membership));
        !(here || key && whole())
    }

    /// Lost devices that are members and may write by what the `members` say: what they had sent is demanded.
    pub(super) fn lost_and_trusted(&mut self, members: &[usize]) -> Result<Vec<usize>, Broken> {
        let Some(first) = members.first().filter(|_| self.ways.on) else { return Ok(vec![]) };
        let seen = self.seen_by(*first)?;
        let may_write = |index: &usize| {
            let id = self.ways.ids.get(index);
            seen.iter().any(|(device, role)| Some(device) == id && role != "reader")
        };
        Ok(self.ways.lost.iter().copied().filter(may_write).collect())
    }

    /// What lost devices had sent is with those who have everything, and must stay there.
    pub(super) fn adopt_from_lost(&mut self) -> Result<(), Broken> {
        let whole = |index: &usize| self.status(*index).is_some_and(|status| status.quarantined == 0);
        let members: Vec<usize> = self.group_members().into_iter().filter(whole).collect();
        let trusted = self.lost_and_trusted(&members)?;
        let Some(first) = members.first().copied().filter(|_| !self.nobody_has_it()) else { return Ok(()) };
        let mut demanded = self.acknowledged_by_lost();
        demanded.retain(|mark| trusted.contains(&self.writes[mark].device));
        for index in members {
            let missing = self.missing_on(index, &demanded);
            if !missing.is_empty() {
                return self.broken(format!("device {index} lacks what lost devices had sent: {missing:?}"));
            }
        }
        for mark in demanded {
            if let Some(written) = self.writes.get_mut(&mark) {
                written.device = first;
            }
        }
        Ok(())
    }

    /// A key that only admins hand on is waited for until somebody says that they will not come back.
    pub(super) fn remove_lost_admins(&mut self) -> Result<(), Broken> {
        let Some(admin) = self.some_admin()? else { return Ok(()) };
        let lost: Vec<String> = self.ways.lost.iter().filter_map(|index| self.ways.ids.get(index).cloned()).collect();
        for (device, role) in self.seen_by(admin)? {
            if role == "admin" && lost.contains(&device) {
                self.ask_and_wait(admin, Command::RemoveDevice { device })?;
            }
        }
        Ok(())
    }

    /// Somebody found lost devices and starts them where there is no network: these of them, to see what they can read.
    pub(super) fn look_into_lost(&mut self, devices: &[usize]) {
        let lost: Vec<usize> = devices.iter().copied().filter(|index| self.is_lost(*index)).collect();
        for index in lost {
            self.network.cut_off(index, true);
            self.network.open(index);
        }
        self.network.run_ms(1_000);
    }

    /// Of these writes, those that are not in the documents of a device.
    pub(super) fn missing_on(&self, index: usize, marks: &[u64]) -> BTreeSet<u64> {
        let rows = self.rows(index);
        let is_there = |mark: &u64| {
            let documents = self.writes.get(mark).map(|written| written.documents.as_slice());
            documents.unwrap_or_default().iter().all(|name| has(&rows, name, *mark))
        };
        marks.iter().copied().filter(|mark| !is_there(mark)).collect()
    }
}

/// Whether a write is in a document.
fn has(rows: &super::Rows, (collection, id): &edits::Name, mark: u64) -> bool {
    let key = crate::store::keys::value_key(collection, id);
    let text = |row: &DocumentRow| crate::document::json::write_text(&row.value).ok();
    let text = rows.get(&key[..]).and_then(text).unwrap_or_default();
    text.contains(&format!("\"{}\"", edits::field(mark)))
}
