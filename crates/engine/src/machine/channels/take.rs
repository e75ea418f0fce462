//! Taking entries from a peer: verified as those of a relay's log are, and only with everything that they build on.

use super::Peer;
use crate::machine::batch::{Effect, Waiting};
use crate::machine::receive::Front;
use crate::machine::rows::Missing;
use crate::machine::task::Task;
use crate::machine::vouching::Grounds;
use crate::machine::{Machine, keys};
use crate::store::RowValue;
use ashore_protocol::codec::Bytes;
use ashore_protocol::hash::entry_id;
use ashore_protocol::header::{EntryKind, VerifiedEntry};
use ashore_protocol::ids::EntryId;
use ashore_protocol::peer::{MAX_PEER_IDS, PeerFrame};
use std::collections::VecDeque;

/// Whoever wrote an entry most likely sends it to the relay too: this device waits so long before it does.
const HOLD_MS: u64 = 10_000;
/// What this device says that it has reaches back twice as far each time.
const SAMPLES: u32 = 24;

/// Entries that came.
pub(in crate::machine) struct TakeEntries {
    peer: Peer,
    entries: VecDeque<Bytes>,
    more: bool,
    /// The first of them, verified and opened; kept while its documents are loaded.
    front: Option<Front>,
    took: u32,
}

impl Machine {
    /// Asks a peer for what it has and this device lacks.
    pub(in crate::machine) fn look_at_peer(&mut self, peer: Peer) -> Result<(), Missing> {
        let may_take = |group: &crate::machine::sync::Group| group.membership.may_write(&group.me());
        if !self.is_member(peer) || !self.sync.group.as_ref().is_some_and(may_take) {
            return Ok(());
        }
        let Some(session) = self.channels.session(peer).filter(|session| session.may_be_asked()) else {
            return Ok(());
        };
        let mut ids = Vec::new();
        for tip in session.tips.clone() {
            if !self.is_here(&tip)? {
                ids.push(tip);
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let have = self.samples()?;
        let (now, Some(from)) = (self.now, self.own_session(peer)) else { return Ok(()) };
        if let Some(session) = self.channels.session_mut(peer) {
            session.asked_at = Some(now);
        }
        self.batch.frames.push((peer.connection, PeerFrame::Want { from, to: peer.session, ids, have }.encode()));
        Ok(())
    }

    fn is_here(&mut self, id: &EntryId) -> Result<bool, Missing> {
        let Some(group) = &self.sync.group else { return Ok(true) };
        if group.quarantine.contains_key(id) {
            return Ok(true);
        }
        let index = keys::entry_index(group.state.generation, id);
        Ok(self.rows.one(&index)?.is_some() || self.is_covered(id)?)
    }

    /// The tips, and some entries further and further back.
    fn samples(&mut self) -> Result<Vec<EntryId>, Missing> {
        let Some(group) = &self.sync.group else { return Ok(vec![]) };
        let (generation, next) = (group.state.generation, group.state.next_sequence);
        let mut have: Vec<EntryId> = group.state.tips.iter().take(MAX_PEER_IDS - SAMPLES as usize).copied().collect();
        let back = (0..SAMPLES).filter_map(|power| next.checked_sub(1 << power)).filter(|sequence| *sequence > 0);
        let rows: Vec<_> = back.map(|sequence| self.rows.one(&keys::entry(generation, sequence))).collect();
        for row in rows {
            let row = row?;
            let id = row.as_ref().and_then(RowValue::present).map(|bytes| entry_id(bytes));
            have.extend(id.filter(|id| !have.contains(id)));
        }
        Ok(have)
    }

    pub(super) fn entries_came(&mut self, peer: Peer, entries: Vec<Bytes>, more: bool) {
        let asked = self.channels.session(peer).is_some_and(|session| session.asked_at.is_some());
        let under_way = |task: &Task| matches!(task, Task::PeerTake(task) if task.peer == peer);
        if asked && !self.tasks.iter().any(under_way) {
            let task = TakeEntries { peer, entries: entries.into(), more, front: None, took: 0 };
            self.tasks.push_back(Task::PeerTake(task));
        }
    }

    /// Takes what came, and asks for the rest.
    pub(in crate::machine) fn take_from_peer(&mut self, task: &mut TakeEntries) -> Result<(), Missing> {
        while let Some(bytes) = task.entries.front().cloned() {
            if !self.is_member(task.peer) {
                return Ok(());
            }
            self.channels.hears = Some(task.peer);
            let taken = self.take_entry(task, &bytes);
            self.channels.hears = None;
            task.took += u32::from(taken?);
            task.front = None;
            task.entries.pop_front();
        }
        let (now, Some(from)) = (self.now, self.own_session(task.peer)) else { return Ok(()) };
        let (peer, more, took) = (task.peer, task.more, task.took);
        let Some(session) = self.channels.session_mut(peer) else { return Ok(()) };
        session.vain = if took > 0 { 0 } else { session.vain + 1 };
        session.asked_at = more.then_some(now);
        if more {
            let frame = PeerFrame::Next { from, to: peer.session };
            self.batch.frames.push((peer.connection, frame.encode()));
        } else {
            self.tasks.push_back(Task::PeerLook(peer));
        }
        Ok(())
    }

    /// Takes one entry; whether it was stored.
    fn take_entry(&mut self, task: &mut TakeEntries, bytes: &Bytes) -> Result<bool, Missing> {
        if self.is_here(&entry_id(bytes))? {
            return Ok(false);
        }
        if task.front.is_none() {
            task.front = self.verify(bytes);
        }
        let Some(front) = &mut task.front else { return Ok(false) };
        let entry = front.entry();
        let (id, author, parents, size) =
            (entry.id(), entry.author(), entry.parents().to_vec(), entry.encoded().len() as u64);
        if entry.kind() != EntryKind::Data || !self.may_be_taken(entry) || self.rests_on_unknown(&parents)? {
            return Ok(false);
        }
        let Some(front) = &mut task.front else { return Ok(false) };
        if !self.settle_entry(front, false)? {
            return Ok(false);
        }
        let Some(group) = &self.sync.group else { return Ok(false) };
        let (generation, me) = (group.state.generation, group.me());
        let row = self.rows.one(&keys::entry_index(generation, &id))?;
        let Some(sequence) = row.as_ref().and_then(RowValue::present).and_then(|bytes| keys::sequence(bytes)) else {
            return Ok(false);
        };
        let author = Some(author).filter(|author| *author != me);
        let waiting = Waiting { changes: 1, author, parents, is_carried: true, ..Waiting::control(id, size) };
        let until = self.now.plus_ms(HOLD_MS);
        if let Some(group) = &mut self.sync.group {
            group.carried.insert(sequence, until);
        }
        self.put_into_outbox(sequence, waiting);
        self.batch.effects.push(Effect::Pulled(1));
        Ok(true)
    }

    /// What somebody wrote who may not write any more is for the log to decide.
    fn may_be_taken(&self, entry: &VerifiedEntry) -> bool {
        matches!(self.may_stand(entry), Ok(Grounds::Author))
    }

    fn rests_on_unknown(&mut self, parents: &[EntryId]) -> Result<bool, Missing> {
        let aside = |group: &crate::machine::sync::Group| parents.iter().any(|id| group.quarantine.contains_key(id));
        if self.sync.group.as_ref().is_some_and(aside) {
            return Ok(true);
        }
        let mut unknown = false;
        for parent in parents {
            unknown |= !self.is_here(parent)?;
        }
        Ok(unknown)
    }

    /// What was held long enough is sent now.
    pub(super) fn send_what_was_held(&mut self) {
        let now = self.now;
        let latest = now.plus_ms(HOLD_MS);
        let Some(group) = &mut self.sync.group else { return };
        group.carried.retain(|_, until| {
            // A clock that was set back must not make the wait longer.
            *until = (*until).min(latest);
            *until > now
        });
    }
}
