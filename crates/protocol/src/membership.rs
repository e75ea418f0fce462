//! Who belongs to a group and what each may do: a pure function of its verified control entries.
//!
//! **The rule** is [`Membership::resolve`]: the same set of entries gives the same members on every device and relay, in
//! whatever order they came. Control entries are put in causal order (parents first) and, where that leaves a choice, in
//! the order of their ids; each is applied; those refused because something they rest on comes later in that order
//! are tried again until nothing changes.
//!
//! [`Membership::apply`] adds one entry to what is known, in the order of arrival. With the kinds of this version that
//! gives the same as the rule, except when more devices join by an invite than it has uses: a relay keeps the first in its log's
//! order and refuses the rest, so that devices which sync through one relay never see two.
//! Removal and change of roles (which the first version does not have) will make the order matter elsewhere, and will extend the rule.
//!
//! The relay's clock plays no part: an invite's expiry is compared with the time in the join, which the joining device
//! chose. What an expired code cannot do is be opened: the relay hands out no invitation after its expiry. Who took one in
//! time may finish later, and a relay that lost its disk can be filled again with old joins.

use crate::control::{Control, JoinProof, Role};
use crate::header::{EntryKind, VerifiedEntry};
use crate::ids::{DeviceId, EntryId, GroupId, InviteKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A device in the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it may do.
    pub role: Role,
    /// The entry that admitted it: the genesis or a join.
    pub admitted_by: EntryId,
    /// When, by the clock of the device that was admitted.
    pub joined_at: Timestamp,
    /// The control entry that carries its latest sealed name: genesis, join or name.
    pub named_by: EntryId,
}

/// An invite by which somebody may still join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenInvite {
    /// The key that a join must prove to hold.
    pub invite_key: InviteKey,
    /// What those who join become.
    pub role: Role,
    /// Nobody joins later than this.
    pub expires_at: Timestamp,
    /// How many may still join; 0 when it is used up.
    pub uses_left: u32,
    /// The admin who made it.
    pub invited_by: DeviceId,
}

/// What a control entry changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The group was founded by this device.
    Founded(DeviceId),
    /// The invite in this entry is open.
    Invited(EntryId),
    /// This device became a member.
    Joined(DeviceId),
    /// This device has another name.
    Renamed(DeviceId),
    /// The entry had been applied before.
    Nothing,
}

/// Why an entry may not stand in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It belongs to another group.
    #[error("the entry belongs to another group")]
    OtherGroup,
    /// It carries no control.
    #[error("the entry carries no control")]
    NotControl,
    /// Its author is not a member (yet).
    #[error("the author is not a member")]
    NotAMember,
    /// Its author's role does not allow it.
    #[error("the author's role does not allow it")]
    RoleForbids,
    /// The invite is not known (yet).
    #[error("the invite is not known")]
    UnknownInvite,
    /// The invite is not named as a parent.
    #[error("the join does not name its invite as a parent")]
    InviteNotAParent,
    /// As many have joined as the invite allows.
    #[error("the invite is used up")]
    InviteUsed,
    /// The join came after the invite expired.
    #[error("the invite had expired")]
    InviteExpired,
    /// Whoever joins does not hold the invite's key.
    #[error("the proof is not signed by the invite's key")]
    BadProof,
    /// The device is a member already.
    #[error("the device is a member already")]
    AlreadyAMember,
    /// An invite for nobody.
    #[error("the invite has no uses")]
    NoUses,
}

impl Refusal {
    /// Whether an entry that was not applied yet could turn this refusal into a yes.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::NotAMember | Self::RoleForbids | Self::UnknownInvite)
    }
}

/// The members and open invites of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    group: GroupId,
    members: BTreeMap<DeviceId, Member>,
    invites: BTreeMap<EntryId, OpenInvite>,
    applied: BTreeSet<EntryId>,
}

/// What [`Membership::resolve`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The group as these entries make it.
    pub membership: Membership,
    /// Entries that had no effect, and why, in the order of their ids.
    pub refused: BTreeMap<EntryId, Refusal>,
}

impl Membership {
    /// A group of which nothing is known but its id: nobody is a member.
    pub fn new(group: GroupId) -> Self {
        Self { group, members: BTreeMap::new(), invites: BTreeMap::new(), applied: BTreeSet::new() }
    }

    /// The rule: the membership that a set of entries makes, whatever their order. Entries without a control are passed over.
    pub fn resolve<'e>(group: GroupId, entries: impl IntoIterator<Item = &'e VerifiedEntry>) -> Resolved {
        let controls = entries.into_iter().filter(|entry| entry.kind() != EntryKind::Data);
        let mut waiting = causal_order(controls.map(|entry| (entry.id(), entry)).collect());
        let mut membership = Self::new(group);
        let mut refused = BTreeMap::new();
        loop {
            let before = waiting.len();
            waiting.retain(|entry| match membership.apply(entry) {
                Ok(_) => false,
                Err(refusal) => {
                    refused.insert(entry.id(), refusal);
                    refusal.may_pass()
                }
            });
            if waiting.is_empty() || waiting.len() == before {
                break;
            }
        }
        refused.retain(|id, _| !membership.applied.contains(id));
        Resolved { membership, refused }
    }

    /// Adds one control entry, or says why it may not stand. Applying one again changes nothing.
    pub fn apply(&mut self, entry: &VerifiedEntry) -> Result<Change, Refusal> {
        if entry.group() != self.group {
            return Err(Refusal::OtherGroup);
        }
        let control = entry.control().ok_or(Refusal::NotControl)?;
        if self.applied.contains(&entry.id()) {
            return Ok(Change::Nothing);
        }
        let change = match control {
            Control::Genesis { created_at, .. } => self.found(entry, *created_at),
            Control::Invite { invite_key, role, expires_at, uses, .. } => {
                self.invite(entry, *invite_key, *role, *expires_at, *uses)?
            }
            Control::Join { invite, joined_at, proof, .. } => self.join(entry, *invite, *joined_at, proof)?,
            Control::Name { .. } => self.rename(entry)?,
        };
        self.applied.insert(entry.id());
        Ok(change)
    }

    /// The group's id is the hash of its genesis, so there is only one.
    fn found(&mut self, entry: &VerifiedEntry, created_at: Timestamp) -> Change {
        let (founder, id) = (entry.author(), entry.id());
        let member = Member { role: Role::Admin, admitted_by: id, joined_at: created_at, named_by: id };
        self.members.insert(founder, member);
        Change::Founded(founder)
    }

    fn invite(
        &mut self,
        entry: &VerifiedEntry,
        invite_key: InviteKey,
        role: Role,
        expires_at: Timestamp,
        uses: u32,
    ) -> Result<Change, Refusal> {
        let author = entry.author();
        let inviter = self.members.get(&author).ok_or(Refusal::NotAMember)?;
        if inviter.role != Role::Admin {
            return Err(Refusal::RoleForbids);
        }
        if uses == 0 {
            return Err(Refusal::NoUses);
        }
        let open = OpenInvite { invite_key, role, expires_at, uses_left: uses, invited_by: author };
        self.invites.insert(entry.id(), open);
        Ok(Change::Invited(entry.id()))
    }

    fn join(
        &mut self,
        entry: &VerifiedEntry,
        invite_id: EntryId,
        joined_at: Timestamp,
        proof: &crate::sign::Signature,
    ) -> Result<Change, Refusal> {
        let device = entry.author();
        if !entry.parents().contains(&invite_id) {
            return Err(Refusal::InviteNotAParent);
        }
        let invite = self.invites.get_mut(&invite_id).ok_or(Refusal::UnknownInvite)?;
        let claim = JoinProof { group: self.group, device, invite: invite_id, joined_at };
        claim.verify(&invite.invite_key, proof).map_err(|_| Refusal::BadProof)?;
        if self.members.contains_key(&device) {
            return Err(Refusal::AlreadyAMember);
        }
        if joined_at > invite.expires_at {
            return Err(Refusal::InviteExpired);
        }
        invite.uses_left = invite.uses_left.checked_sub(1).ok_or(Refusal::InviteUsed)?;
        let member = Member { role: invite.role, admitted_by: entry.id(), joined_at, named_by: entry.id() };
        self.members.insert(device, member);
        Ok(Change::Joined(device))
    }

    /// Of several names of one device the one that was applied last stands: [`Membership::resolve`] fixes which that is.
    fn rename(&mut self, entry: &VerifiedEntry) -> Result<Change, Refusal> {
        let member = self.members.get_mut(&entry.author()).ok_or(Refusal::NotAMember)?;
        member.named_by = entry.id();
        Ok(Change::Renamed(entry.author()))
    }

    /// The group.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// Its members, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = (&DeviceId, &Member)> {
        self.members.iter()
    }

    /// This device as a member.
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        self.members.get(device)
    }

    /// Its invites by the entry that made each, used up or not.
    pub fn invites(&self) -> impl Iterator<Item = (&EntryId, &OpenInvite)> {
        self.invites.iter()
    }

    /// The invite in this entry.
    pub fn invite_in(&self, entry: &EntryId) -> Option<&OpenInvite> {
        self.invites.get(entry)
    }

    /// Whether this control entry took effect.
    pub fn has_applied(&self, entry: &EntryId) -> bool {
        self.applied.contains(entry)
    }

    /// Whether the device may be served the group's entries.
    pub fn may_read(&self, device: &DeviceId) -> bool {
        self.members.contains_key(device)
    }

    /// Whether the device may write data entries.
    pub fn may_write(&self, device: &DeviceId) -> bool {
        self.members.get(device).is_some_and(|member| member.role >= Role::Writer)
    }

    /// Whether the device may invite others.
    pub fn may_admit(&self, device: &DeviceId) -> bool {
        self.members.get(device).is_some_and(|member| member.role == Role::Admin)
    }

    /// Whether a data entry may stand after what is known: the question that relay and device ask of each.
    pub fn may_stand(&self, entry: &VerifiedEntry) -> Result<(), Refusal> {
        if entry.group() != self.group {
            return Err(Refusal::OtherGroup);
        }
        match self.members.get(&entry.author()) {
            None => Err(Refusal::NotAMember),
            Some(member) if member.role < Role::Writer => Err(Refusal::RoleForbids),
            Some(_) => Ok(()),
        }
    }
}

/// Parents before children, and otherwise by id. Parents that are not in the set do not count.
fn causal_order(mut entries: BTreeMap<EntryId, &VerifiedEntry>) -> Vec<&VerifiedEntry> {
    let mut missing: BTreeMap<EntryId, usize> = BTreeMap::new();
    let mut children: BTreeMap<EntryId, Vec<EntryId>> = BTreeMap::new();
    for (id, entry) in &entries {
        let known = entry.parents().iter().filter(|parent| entries.contains_key(parent));
        let mut count = 0;
        for parent in known {
            children.entry(*parent).or_default().push(*id);
            count += 1;
        }
        missing.insert(*id, count);
    }
    let mut ready: BTreeSet<EntryId> = missing.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut order = Vec::with_capacity(entries.len());
    while let Some(id) = ready.pop_first() {
        order.extend(entries.remove(&id));
        for child in children.remove(&id).unwrap_or_default() {
            if let Some(count) = missing.get_mut(&child) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(child);
                }
            }
        }
    }
    order
}
