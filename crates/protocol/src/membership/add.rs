//! One entry more: judged by what is here, by how that was settled, or with everything anew.

use super::act::{Act, Node};
use super::settled::Extension;
use super::state::View;
use super::{Change, Membership, Refusal, Resolution, settle};
use crate::header::VerifiedEntry;
use crate::limits::MAX_CONTROL_ENTRIES;
use std::sync::Arc;

impl Membership {
    /// Adds one control entry if it stands, or says why it does not: nothing is changed then. Applying one again changes nothing.
    pub fn apply(&mut self, entry: &VerifiedEntry) -> Result<Change, Refusal> {
        self.add(entry, false)
    }

    /// Like [`Membership::apply`], but an entry that does not stand now and may later ([`Refusal::may_pass`]) is kept, if a device of this group
    /// wrote it: it counts when others come that make it stand. [`Membership::has_taken_in`] tells.
    pub fn take_in(&mut self, entry: &VerifiedEntry) -> Result<Change, Refusal> {
        self.add(entry, true)
    }

    /// What [`Membership::apply`] would say.
    pub fn would_stand(&self, entry: &VerifiedEntry) -> Result<(), Refusal> {
        if self.has_taken_in(&entry.id()) || entry.group() != self.group || self.entries.len() >= MAX_CONTROL_ENTRIES {
            return self.clone().apply(entry).map(drop);
        }
        let node = Node::new(entry)?;
        if self.tips.iter().all(|tip| node.parents.contains(tip)) {
            return self.state.check(&node);
        }
        match self.probe(&node) {
            Some(extension) => extension.judged(),
            None => self.clone().apply(entry).map(drop),
        }
    }

    fn add(&mut self, entry: &VerifiedEntry, keep: bool) -> Result<Change, Refusal> {
        if entry.group() != self.group {
            return Err(Refusal::OtherGroup);
        }
        let node = Arc::new(Node::new(entry)?);
        if self.entries.contains_key(&node.id) {
            return self.refused.get(&node.id).map_or(Ok(Change::Nothing), |refusal| Err(*refusal));
        }
        if self.entries.len() >= MAX_CONTROL_ENTRIES {
            return Err(Refusal::TooMany);
        }
        let knows_all = self.tips.iter().all(|tip| node.parents.contains(tip));
        if knows_all { self.append(node, keep) } else { self.insert(node, keep) }
    }

    fn is_kept(&self, node: &Node, refusal: Refusal) -> bool {
        refusal.may_pass() && (self.heard_of.contains(&node.author) || self.holds_an_invite(node))
    }

    /// Whether this is a join by somebody who holds the secret of an invite that is here, standing or not.
    fn holds_an_invite(&self, node: &Node) -> bool {
        let Act::Join { invite, .. } = &node.act else { return false };
        match self.entries.get(invite).map(|invite| &invite.act) {
            Some(Act::Invite { key, .. } | Act::Recovery { key, .. }) => node.is_proven(self.group, key),
            _ => false,
        }
    }

    /// Adds an entry that knows of everything here: it comes last in every order.
    fn append(&mut self, node: Arc<Node>, keep: bool) -> Result<Change, Refusal> {
        let judged = self.state.apply(&node);
        if let Err(refusal) = judged {
            if !keep || !self.is_kept(&node, refusal) {
                return Err(refusal);
            }
            self.state.places += 1;
            self.refused.insert(node.id, refusal);
        }
        let same = |extension: &Extension| extension.judged().is_ok() == judged.is_ok();
        match self.probe(&node).filter(same) {
            Some(extension) => drop(self.extend(&node, extension)),
            None => self.settled = None,
        }
        self.note(&node);
        Arc::make_mut(&mut self.entries).insert(node.id, node);
        judged
    }

    /// Adds an entry that was written beside others. Where it could change what came of them, everything is judged again.
    fn insert(&mut self, node: Arc<Node>, keep: bool) -> Result<Change, Refusal> {
        match self.probe(&node) {
            Some(extension) => self.insert_leaf(node, extension, keep),
            None => self.insert_anywhere(node, keep),
        }
    }

    fn probe(&self, node: &Node) -> Option<Extension> {
        self.settled.as_ref()?.probe(self.group, node)
    }

    fn extend(&mut self, node: &Arc<Node>, extension: Extension) -> Option<usize> {
        Some(Arc::make_mut(self.settled.as_mut()?).extend(node, extension))
    }

    fn insert_leaf(&mut self, node: Arc<Node>, extension: Extension, keep: bool) -> Result<Change, Refusal> {
        let judged = extension.judged();
        if let Err(refusal) = judged {
            if !keep || !self.is_kept(&node, refusal) {
                return Err(refusal);
            }
            self.refused.insert(node.id, refusal);
        }
        let place = self.extend(&node, extension);
        self.state.places += 1;
        if let (Ok(()), Some(place), Some(settled)) = (judged, place, &self.settled) {
            let view = View::Past(&settled.ordered, place);
            match settled.rounds.last() {
                _ if self.state.insert(&node, place, view) => self.state.close_invites(),
                Some(last) => self.state = settle::finish(self.group, &settled.ordered, &last.standing),
                None => {}
            }
        }
        self.note(&node);
        Arc::make_mut(&mut self.entries).insert(node.id, node.clone());
        judged.map(|()| node.act.change(&node))
    }

    fn insert_anywhere(&mut self, node: Arc<Node>, keep: bool) -> Result<Change, Refusal> {
        let id = node.id;
        Arc::make_mut(&mut self.entries).insert(id, node.clone());
        self.settlings += 1;
        let Resolution { state, refused, settled, .. } = settle::settle(self.group, &self.entries);
        let mut judged = refused.get(&id).map_or_else(|| Ok(node.act.change(&node)), |refusal| Err(*refusal));
        // Of more joins than an invite has uses, a log keeps those that came first.
        if let Act::Join { invite, .. } = &node.act
            && judged.is_ok()
            && self.state.invites.get(invite).is_some_and(|invite| invite.uses_left == 0)
        {
            judged = Err(Refusal::InviteUsed);
        }
        if let Err(refusal) = judged
            && (!keep || !self.is_kept(&node, refusal))
        {
            Arc::make_mut(&mut self.entries).remove(&id);
            return Err(refusal);
        }
        (self.state, self.refused, self.settled) = (state, refused, settled.map(Arc::new));
        self.note(&node);
        judged
    }

    pub(super) fn note(&mut self, node: &Node) {
        self.tips.retain(|tip| !node.parents.contains(tip));
        self.named.extend(&node.parents);
        if !self.named.contains(&node.id) {
            self.tips.insert(node.id);
        }
        let admitted = match &node.act {
            Act::Found { .. } | Act::Join { .. } => Some(node.author),
            Act::Admit { device, .. } => Some(*device),
            _ => None,
        };
        self.heard_of.extend(admitted);
    }
}
