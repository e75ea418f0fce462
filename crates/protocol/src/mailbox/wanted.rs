//! Entries of authors that may not write any more, and control entries that came to nothing: a log takes one only because of what an entry in it names as a parent.
//!
//! Somebody built on it before the removal was known, so everybody needs it. A control entry is taken whoever names it: nobody could place that otherwise. Data
//! is taken only where devices would let it stand: what a reader may write itself vouches for nothing ([`Membership::vouches`]).
//!
//! Which these are is worked out when the first such entry comes, by one look at the log's headers, and kept up from then on.

use super::prepare::PreparedEntry;
use super::store::LogStore;
use super::{Group, Mailbox, Problem};
use crate::frame::Item;
use crate::hash;
use crate::header::{Entry, EntryKind, VerifiedEntry};
use crate::ids::{Cursor, EntryId, GroupId};
use crate::membership::Membership;
use std::collections::BTreeMap;

/// How much of a log is looked at at a time.
const STEP_ENTRIES: u32 = 1_000;
const STEP_BYTES: u32 = 4 << 20;

/// What entries of a log name as parents and it does not have, with those who do.
pub(super) type Wanted = BTreeMap<EntryId, NamedBy>;

/// Who names an entry as a parent.
#[derive(Debug, Clone, Default)]
pub(super) struct NamedBy {
    /// A data entry, which stood when it was taken.
    data: bool,
    controls: Vec<EntryId>,
}

impl NamedBy {
    fn add(&mut self, kind: EntryKind, id: EntryId) {
        match kind {
            EntryKind::Data => self.data = true,
            EntryKind::Genesis | EntryKind::Control => self.controls.push(id),
            // Nobody's word: a snapshot is believed only while its author may write, and a reader may say what it has seen.
            EntryKind::Snapshot | EntryKind::Seen => {}
        }
    }

    fn vouch(&self, members: &Membership) -> bool {
        self.data || self.controls.iter().any(|control| members.vouches(control))
    }
}

impl Group {
    /// Whether an entry in the log names this one, which it does not have.
    pub(super) fn wants(&self, id: &EntryId) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.contains_key(id))
    }

    /// Whether data of an author that may not write is taken all the same: something that stands, in the log or before it in its frame, names it.
    pub(super) fn is_vouched_for(&self, members: &Membership, id: &EntryId, before: &[VerifiedEntry]) -> bool {
        let in_log = self.wanted.as_ref().and_then(|wanted| wanted.get(id));
        let mut in_frame = NamedBy::default();
        let naming = before.iter().filter(|entry| entry.parents().contains(id));
        naming.for_each(|entry| in_frame.add(entry.kind(), entry.id()));
        in_log.is_some_and(|by| by.vouch(members)) || in_frame.vouch(members)
    }
}

impl<S: LogStore> Mailbox<S> {
    /// Works out what the log wants if some of these entries could stand only because of that.
    pub(super) fn find_wanted(&mut self, id: GroupId, entries: &[PreparedEntry]) -> Result<(), Problem<S::Error>> {
        let Some(group) = self.groups.get(&id) else { return Ok(()) };
        let in_doubt = |entry: &VerifiedEntry| match entry.kind().is_control() {
            true => group.membership.would_stand(entry).is_err_and(|refusal| refusal.may_pass()),
            false => {
                let refused = || group.membership.may_stand(entry).is_err_and(|refusal| refusal.passes_when_wanted());
                entry.kind() == EntryKind::Data && refused()
            }
        };
        if group.wanted.is_some() || !entries.iter().flatten().any(|entry| in_doubt(entry)) {
            return Ok(());
        }
        let wanted = self.look_for_wanted(id).map_err(Problem::Store)?;
        if let Some(group) = self.groups.get_mut(&id) {
            group.wanted = Some(wanted);
        }
        Ok(())
    }

    fn look_for_wanted(&self, id: GroupId) -> Result<Wanted, S::Error> {
        let (mut named, mut after) = (Wanted::new(), Cursor::ZERO);
        loop {
            let items = self.store.page(&id, after, STEP_ENTRIES, STEP_BYTES, None)?;
            let Some(last) = items.last().map(Item::cursor) else { break };
            for item in items {
                if let Item::Entry { bytes, .. } = item
                    && let by = hash::entry_id(&bytes)
                    && let Ok(entry) = Entry::from_vec(bytes.0)
                    && entry.header().kind != EntryKind::Seen
                {
                    let parents = entry.header().parents.iter();
                    parents.for_each(|parent| named.entry(*parent).or_default().add(entry.header().kind, by));
                }
            }
            after = last;
        }
        let mut wanted = Wanted::new();
        for (parent, by) in named {
            if self.store.cursor_of(&id, &parent)?.is_none() {
                wanted.insert(parent, by);
            }
        }
        Ok(wanted)
    }

    /// Keeps what the log wants up to date, where it was worked out.
    pub(super) fn note_wanted(&mut self, id: GroupId, fresh: &[VerifiedEntry]) -> Result<(), Problem<S::Error>> {
        let Some(group) = self.groups.get_mut(&id) else { return Ok(()) };
        let Some(wanted) = &mut group.wanted else { return Ok(()) };
        for entry in fresh.iter().filter(|entry| entry.kind() != EntryKind::Seen) {
            for parent in entry.parents() {
                if self.store.cursor_of(&id, parent).map_err(Problem::Store)?.is_none() {
                    wanted.entry(*parent).or_default().add(entry.kind(), entry.id());
                }
            }
        }
        fresh.iter().for_each(|entry| drop(wanted.remove(&entry.id())));
        Ok(())
    }
}
