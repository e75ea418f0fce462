//! Giving a peer the entries that it asked for: what it lacks is found by walking back from them to what it has.

use super::Peer;
use crate::machine::rows::Missing;
use crate::machine::task::{ScanSlot, Task};
use crate::machine::{Machine, keys};
use crate::store::{Range, RowValue};
use ashore_protocol::codec::Bytes;
use ashore_protocol::gather::Gather;
use ashore_protocol::header::{Entry, EntryKind};
use ashore_protocol::ids::EntryId;
use ashore_protocol::peer::{MAX_PEER_IDS, MAX_PEER_PAGE_BYTES, PeerFrame};
use std::collections::BTreeSet;

/// Sequence numbers looked at in one step; more where there are no entries any more.
const STEP: u64 = 64;
/// Who lacks more than this takes it from the relay.
const MAX_SERVED: usize = 100_000;
/// Entries in one frame.
const PAGE_ENTRIES: usize = 200;

/// How far the walk is.
pub(in crate::machine) struct Serving {
    peer: Peer,
    /// What the peer lacks and the walk has not come to.
    open: BTreeSet<EntryId>,
    /// What it has.
    covered: BTreeSet<EntryId>,
    found: Vec<u64>,
    /// The walk goes backwards from here.
    before: u64,
    step: u64,
    asked_for: Vec<EntryId>,
    pub(in crate::machine) scan: ScanSlot,
}

impl Machine {
    pub(super) fn begin_to_serve(&mut self, peer: Peer, ids: Vec<EntryId>, have: Vec<EntryId>) {
        let Some(before) = self.sync.group.as_ref().map(|group| group.state.next_sequence) else { return };
        let Some(session) = self.channels.session_mut(peer) else { return };
        if ids.len() > MAX_PEER_IDS || have.len() > MAX_PEER_IDS {
            session.is_blocked = true;
            return;
        }
        session.serving.clear();
        let covered = have.into_iter().gather();
        let serving = Serving {
            peer,
            open: BTreeSet::new(),
            covered,
            found: vec![],
            before,
            step: STEP,
            asked_for: ids,
            scan: None,
        };
        // A new question takes the place of the one before.
        self.tasks.retain(|task| !matches!(task, Task::PeerServe(serving) if serving.peer == peer));
        self.tasks.push_back(Task::PeerServe(serving));
    }

    /// One step of the walk.
    pub(in crate::machine) fn serve_peer(&mut self, task: &mut Serving) -> Result<(), Missing> {
        if !self.is_member(task.peer) {
            return Ok(());
        }
        let Some(generation) = self.sync.group.as_ref().map(|group| group.state.generation) else { return Ok(()) };
        if !task.asked_for.is_empty() {
            let rows: Vec<_> =
                task.asked_for.iter().map(|id| self.rows.one(&keys::entry_index(generation, id))).collect();
            let mut here = BTreeSet::new();
            for (id, row) in task.asked_for.iter().zip(rows) {
                if row?.is_some() && !task.covered.contains(id) {
                    here.insert(*id);
                }
            }
            task.open = here;
            task.asked_for.clear();
        }
        let mut ended = task.open.is_empty();
        if !ended {
            let first = task.before.saturating_sub(task.step);
            let range = Range::between(keys::entry(generation, first), Some(keys::entry(generation, task.before)));
            let rows = self.scan_rows(&mut task.scan, &range)?;
            task.before = first;
            task.step = if rows.rows.is_empty() { task.step.saturating_mul(2) } else { STEP };
            ended = first == 0;
            for (key, row) in rows.rows.iter().rev() {
                let Some(sequence) = keys::sequence(key) else { continue };
                if let RowValue::Present(bytes) = row
                    && let Ok(entry) = Entry::decode(bytes)
                {
                    task.walk(sequence, &entry);
                }
            }
            ended |= task.open.is_empty() || task.found.len() > MAX_SERVED;
        }
        if !ended {
            let next = std::mem::replace(task, Serving::nothing(task.peer));
            self.tasks.push_back(Task::PeerServe(next));
            return Ok(());
        }
        if task.found.len() > MAX_SERVED {
            task.found.clear();
        }
        if let Some(session) = self.channels.session_mut(task.peer) {
            session.serving = task.found.drain(..).collect();
        }
        self.serve_page(task.peer)
    }

    /// Sends the next of what a peer asked for.
    pub(in crate::machine) fn serve_page(&mut self, peer: Peer) -> Result<(), Missing> {
        if !self.is_member(peer) {
            return Ok(());
        }
        let (Some(from), Some(group)) = (self.own_session(peer), &self.sync.group) else { return Ok(()) };
        let generation = group.state.generation;
        let Some(session) = self.channels.session(peer) else { return Ok(()) };
        let next: Vec<u64> = session.serving.iter().rev().take(PAGE_ENTRIES).copied().collect();
        let rows: Vec<_> = next.iter().map(|sequence| self.rows.one(&keys::entry(generation, *sequence))).collect();
        let (mut entries, mut bytes, mut done) = (Vec::new(), 0, 0);
        for row in rows {
            let row = row?;
            let size = row.as_ref().and_then(RowValue::present).map_or(0, |bytes| bytes.len());
            if bytes > 0 && bytes + size > MAX_PEER_PAGE_BYTES {
                break;
            }
            bytes += size;
            done += 1;
            entries.extend(row.as_ref().and_then(RowValue::present).map(|bytes| Bytes(bytes.to_vec())));
        }
        let Some(session) = self.channels.session_mut(peer) else { return Ok(()) };
        let left = session.serving.len().saturating_sub(done);
        session.serving.truncate(left);
        let frame = PeerFrame::Entries { from, to: peer.session, entries, more: left > 0 };
        self.batch.frames.push((peer.connection, frame.encode()));
        Ok(())
    }
}

impl Serving {
    fn nothing(peer: Peer) -> Self {
        let (open, covered) = (BTreeSet::new(), BTreeSet::new());
        Self { peer, open, covered, found: vec![], before: 0, step: STEP, asked_for: vec![], scan: None }
    }

    /// An entry that the walk has come to. What builds on others stands behind them, so it came before.
    fn walk(&mut self, sequence: u64, entry: &Entry) {
        let (id, parents) = (entry.id(), &entry.header().parents);
        if self.covered.contains(&id) {
            for parent in parents {
                self.open.remove(parent);
                self.covered.insert(*parent);
            }
        } else if self.open.remove(&id) {
            if entry.header().kind == EntryKind::Data {
                self.found.push(sequence);
            }
            self.open.extend(parents.iter().filter(|parent| !self.covered.contains(*parent)));
        }
    }
}
