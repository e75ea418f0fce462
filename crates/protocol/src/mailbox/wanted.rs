//! Entries of authors that may not write any more, and control entries that came to nothing: a log takes one only if an entry in it names it as a parent.
//!
//! Somebody built on it before the removal was known, so everybody needs it. Which these are is worked out when the first such entry
//! comes, by one look at the log's headers, and kept up from then on.

use super::prepare::PreparedEntry;
use super::store::LogStore;
use super::{Group, Mailbox, Problem};
use crate::frame::Item;
use crate::header::{Entry, EntryKind, VerifiedEntry};
use crate::ids::{Cursor, EntryId, GroupId};
use std::collections::BTreeSet;

/// How much of a log is looked at at a time.
const STEP_ENTRIES: u32 = 1_000;
const STEP_BYTES: u32 = 4 << 20;

impl Group {
    /// Whether an entry in the log names this one, which it does not have.
    pub(super) fn wants(&self, id: &EntryId) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.contains(id))
    }
}

impl<S: LogStore> Mailbox<S> {
    /// Works out what the log wants if some of these entries could stand only because of that.
    pub(super) fn find_wanted(&mut self, id: GroupId, entries: &[PreparedEntry]) -> Result<(), Problem<S::Error>> {
        let Some(group) = self.groups.get(&id) else { return Ok(()) };
        let in_doubt = |entry: &VerifiedEntry| match entry.kind().is_control() {
            true => group.membership.clone().apply(entry).is_err_and(|refusal| refusal.may_pass()),
            false => group.membership.may_stand(entry).is_err_and(|refusal| refusal.passes_when_wanted()),
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

    fn look_for_wanted(&self, id: GroupId) -> Result<BTreeSet<EntryId>, S::Error> {
        let (mut named, mut after) = (BTreeSet::new(), Cursor::ZERO);
        loop {
            let items = self.store.page(&id, after, STEP_ENTRIES, STEP_BYTES, None)?;
            let Some(last) = items.last().map(Item::cursor) else { break };
            for item in items {
                if let Item::Entry { bytes, .. } = item
                    && let Ok(entry) = Entry::from_vec(bytes.0)
                    && entry.header().kind != EntryKind::Seen
                {
                    named.extend(entry.header().parents.iter().copied());
                }
            }
            after = last;
        }
        let mut wanted = BTreeSet::new();
        for parent in named {
            if self.store.cursor_of(&id, &parent)?.is_none() {
                wanted.insert(parent);
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
                    wanted.insert(*parent);
                }
            }
        }
        wanted.retain(|id| fresh.iter().all(|entry| entry.id() != *id));
        Ok(())
    }
}
