//! Who belongs to a group and what each may do: a pure function of its verified control entries.
//!
//! **The rule** is [`Membership::resolve`]: the same set of entries gives the same members on every device and relay, in
//! whatever order they came.
//!
//! 1. *Causal order first.* Entries are applied parents first and, where that leaves a choice, in the order of their ids. What an author may do
//!    is judged by what is in its entry's past, so nothing is gained by naming old parents.
//! 2. *A removal wins over what the removed device did at the same time*: an entry of that device which is not in the removal's past, and does not have the
//!    removal in its own, is void. So is a join by an invite that the device had made. A change of role voids in the same way what needed more than
//!    the new role, and a withdrawn invite the joins by it. Of roles given at the same time the least counts.
//! 3. *Of removals that hit each other* the one whose author was admitted earlier stands, then the one with the lower place in that order. An id
//!    could be ground until it wins; the time of one's own admission cannot.
//!    A device that leaves or steps down by itself voids nothing by that: it may be one that was restored from a backup and does not know what it
//!    did. An admin confirms it ([`Membership::to_confirm`]).
//! 4. A device that is gone never comes back under the same key. Nothing takes the last admin from a group that has members, and nobody but an admin comes into a group
//!    that all admins have left at the same time.
//!
//! [`Membership::apply`] and [`Membership::take_in`] add one entry to what is known. An entry that names all the last control entries as parents, as honest authors'
//! do, is judged by what is there; for others the rule is worked out anew.
//!
//! What the order of arrival still decides is which entries a relay lets into its log: of more joins than an invite has uses it keeps the
//! first in its log's order and refuses the rest, so that devices which sync through one relay never see two.
//!
//! The relay's clock plays no part: an invite's expiry is compared with the time in the join, which the joining device
//! chose. What an expired code cannot do is be opened: the relay hands out no invitation after its expiry. Who took one in
//! time may finish later, and a relay that lost its disk can be filled again with old joins.

mod act;
mod add;
mod hits;
mod judge;
mod led;
mod order;
mod places;
mod probe;
mod seats;
mod settle;
mod settled;
mod state;

use crate::control::Role;
use crate::gather::Gather;
use crate::header::{EntryKind, VerifiedEntry};
use crate::ids::{DeviceId, EntryId, Epoch, GroupId, InviteKey, Timestamp};
use crate::keys::{KemKey, Recipient};
use act::{Act, Node};
use settled::Settled;
use state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A device in the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it may do.
    pub role: Role,
    /// The entry that admitted it: the genesis, a join, or an admin's.
    pub admitted_by: EntryId,
    /// When, by the clock of the device that was admitted, or of the admin who did.
    pub joined_at: Timestamp,
    /// The control entry that carries its latest sealed name.
    pub named_by: EntryId,
    /// The key that the group's keys are wrapped for; none for a device of before there were such keys.
    pub kem: Option<KemKey>,
}

/// A device that is not in the group any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The entry that removed it, or by which it left.
    pub by: EntryId,
    /// What it was.
    pub member: Member,
}

/// An invite by which somebody may still join, unless it is used up or closed.
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
    /// The entry that began the epoch whose key comes with it.
    pub rotation: EntryId,
    /// It is a recovery: for the loss of all devices, not for a guest.
    pub recovers: bool,
    /// It was withdrawn, or who made it is no admin any more.
    pub closed: bool,
}

/// An epoch of the group's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationInfo {
    /// Its number. Rotations at the same time have the same.
    pub epoch: Epoch,
    /// The entry that began it.
    pub entry: EntryId,
    /// Who was given its key, as far as control entries tell.
    pub known_to: BTreeSet<Recipient>,
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
    /// This device has another name, or another key.
    Renamed(DeviceId),
    /// This device is not a member any more.
    Removed(DeviceId),
    /// This device has another role.
    RoleChanged(DeviceId),
    /// An epoch began.
    Rotated(Epoch),
    /// This invite or recovery is closed.
    Revoked(EntryId),
    /// A member was given a key that it lacked.
    Shared,
    /// Whoever holds the secrets of this entry may bring the group back.
    Recoverable(EntryId),
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
    /// Its author was a member and is not any more.
    #[error("the author was removed")]
    Removed,
    /// Its author's role does not allow it.
    #[error("the author's role does not allow it")]
    RoleForbids,
    /// At the same time its author was removed or given a lesser role, or its invite was closed.
    #[error("what it needs was taken away at the same time")]
    Voided,
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
    /// The invite was withdrawn, or who made it is no admin any more.
    #[error("the invite is closed")]
    InviteClosed,
    /// Whoever joins does not hold the invite's key.
    #[error("the proof is not signed by the invite's key")]
    BadProof,
    /// The device is a member already, or was one.
    #[error("the device is a member already, or was one")]
    AlreadyAMember,
    /// An invite for nobody.
    #[error("the invite has no uses")]
    NoUses,
    /// The device that it is about is not a member.
    #[error("the device that it is about is not a member")]
    UnknownDevice,
    /// Members would be left without an admin.
    #[error("members would be left without an admin")]
    LastAdmin,
    /// The rotation is not the next, is out of order, or is wrapped for the device that is removed.
    #[error("the rotation is not the next, or not sound")]
    BadRotation,
    /// The epoch that a key is shared of is not known (yet).
    #[error("the epoch is not known")]
    UnknownEpoch,
    /// More control entries than a group may have.
    #[error("the group has as many control entries as it may have")]
    TooMany,
}

impl Refusal {
    /// Whether a data entry that is refused for this may stand all the same, because another that stands names it as a parent.
    pub fn passes_when_wanted(self) -> bool {
        matches!(self, Self::Removed | Self::RoleForbids)
    }

    /// Whether entries that were not applied yet could turn this refusal into a yes.
    pub fn may_pass(self) -> bool {
        match self {
            Self::NotAMember
            | Self::Removed
            | Self::RoleForbids
            | Self::Voided
            | Self::UnknownInvite
            | Self::InviteUsed
            | Self::InviteClosed
            | Self::AlreadyAMember
            | Self::UnknownDevice
            | Self::LastAdmin
            | Self::BadRotation
            | Self::UnknownEpoch => true,
            Self::OtherGroup
            | Self::NotControl
            | Self::InviteNotAParent
            | Self::InviteExpired
            | Self::BadProof
            | Self::NoUses
            | Self::TooMany => false,
        }
    }
}

/// The members and open invites of one group.
#[derive(Debug, Clone)]
pub struct Membership {
    group: GroupId,
    /// Every control entry that was taken in, also those that do not stand.
    entries: Arc<BTreeMap<EntryId, Arc<Node>>>,
    /// Those that no other names as a parent.
    tips: BTreeSet<EntryId>,
    /// Every parent that one of them names.
    named: BTreeSet<EntryId>,
    /// Devices that some entry was to admit, also one that does not stand.
    heard_of: BTreeSet<DeviceId>,
    state: State,
    refused: BTreeMap<EntryId, Refusal>,
    /// How they were settled, once some were written beside others: what comes next is judged by it.
    settled: Option<Arc<Settled>>,
    /// How often all of them were settled anew.
    settlings: u64,
}

/// What [`Membership::resolve`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The group as these entries make it.
    pub membership: Membership,
    /// Entries that had no effect, and why, in the order of their ids.
    pub refused: BTreeMap<EntryId, Refusal>,
    /// How much work it was: how often an entry was judged, and how many of those before it had to be looked at.
    pub steps: u64,
}

/// What the rule makes of a set of entries.
struct Resolution {
    state: State,
    refused: BTreeMap<EntryId, Refusal>,
    steps: u64,
    settled: Option<Settled>,
}

impl PartialEq for Membership {
    /// The same entries were taken in, and the same came of them.
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group
            && self.entries.keys().eq(other.entries.keys())
            && self.refused == other.refused
            && self.state == other.state
    }
}

impl Eq for Membership {}

impl Membership {
    /// A group of which nothing is known but its id: nobody is a member.
    pub fn new(group: GroupId) -> Self {
        Self {
            group,
            entries: Arc::default(),
            tips: BTreeSet::new(),
            named: BTreeSet::new(),
            heard_of: BTreeSet::new(),
            state: State::new(group),
            refused: BTreeMap::new(),
            settled: None,
            settlings: 0,
        }
    }

    /// The rule: the membership that a set of entries makes, whatever their order. Entries without a control are passed over, and so is what belongs
    /// to another group.
    pub fn resolve<'e>(group: GroupId, entries: impl IntoIterator<Item = &'e VerifiedEntry>) -> Resolved {
        let mut membership = Self::new(group);
        let controls = entries.into_iter().filter(|entry| entry.kind().is_control() && entry.group() == group);
        let nodes: BTreeMap<EntryId, Arc<Node>> =
            controls.filter_map(|entry| Some((entry.id(), Arc::new(Node::new(entry).ok()?)))).gather();
        nodes.values().for_each(|node| membership.note(node));
        let Resolution { state, refused, steps, .. } = settle::settle(group, &nodes);
        membership.entries = Arc::new(nodes);
        (membership.state, membership.refused) = (state, refused.clone());
        Resolved { membership, refused, steps }
    }

    /// How often all entries were settled anew because of one that came: that it stays small bounds the work of a flood that comes one by one.
    pub fn settlings(&self) -> u64 {
        self.settlings
    }

    /// The group.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// Its members, in the order of their ids.
    pub fn members(&self) -> impl Iterator<Item = (&DeviceId, &Member)> {
        self.state.members.iter()
    }

    /// This device as a member.
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        self.state.members.get(device)
    }

    /// This device, if it was a member and is not any more.
    pub fn gone(&self, device: &DeviceId) -> Option<&Gone> {
        self.state.gone.get(device)
    }

    /// Whether some entry was to admit this device, be it one that does not stand (any more).
    pub fn has_heard_of(&self, device: &DeviceId) -> bool {
        self.heard_of.contains(device)
    }

    /// Its invites and recoveries by the entry that made each, used up and closed ones too.
    pub fn invites(&self) -> impl Iterator<Item = (&EntryId, &OpenInvite)> {
        self.state.invites.iter()
    }

    /// The invite in this entry.
    pub fn invite_in(&self, entry: &EntryId) -> Option<&OpenInvite> {
        self.state.invites.get(entry)
    }

    /// Whether this control entry took effect.
    pub fn has_applied(&self, entry: &EntryId) -> bool {
        self.state.standing.contains(entry)
    }

    /// Whether data that this control entry names as a parent stands by that, though its author may not write (any more): the entry stands, and it is one that
    /// only an admin writes. What anybody may say (a name, a leave, a join) vouches for nothing, or a reader could write by naming it.
    pub fn vouches(&self, control: &EntryId) -> bool {
        let of_an_admin = |node: &Arc<Node>| node.act.needs() == Some(Role::Admin);
        self.has_applied(control) && self.entries.get(control).is_some_and(of_an_admin)
    }

    /// Whether this control entry is here, standing or not.
    pub fn has_taken_in(&self, entry: &EntryId) -> bool {
        self.entries.contains_key(entry)
    }

    /// Why this control entry, which is here, does not stand.
    pub fn refusal_of(&self, entry: &EntryId) -> Option<Refusal> {
        self.refused.get(entry).copied()
    }

    /// The control entries that no other names as a parent: the parents of the next.
    pub fn tips(&self) -> impl Iterator<Item = &EntryId> {
        self.tips.iter()
    }

    /// The epoch in which new entries are sealed: of the highest number, then the one that comes last in the order of the rule. `None` before the genesis.
    pub fn rotation(&self) -> Option<&RotationInfo> {
        self.state.rotation()
    }

    /// Every epoch that stands.
    pub fn rotations(&self) -> impl Iterator<Item = &RotationInfo> {
        self.state.rotations()
    }

    /// Whether somebody who knows the present key is not a member any more, and no open recovery: an admin should begin another epoch.
    pub fn needs_rotation(&self) -> bool {
        let may_know: BTreeSet<Recipient> = self.all_recipients().gather();
        self.rotation().is_some_and(|rotation| {
            !rotation.known_to.is_subset(&may_know)
                || self.given_in_vain(rotation.epoch).any(|to| !may_know.contains(&to))
        })
    }

    /// Who was given the key of this epoch by something that came to nothing.
    fn given_in_vain(&self, epoch: Epoch) -> impl Iterator<Item = Recipient> {
        let nodes = self.refused.keys().filter_map(|id| self.entries.get(id));
        nodes.filter(move |node| node.epoch == epoch).filter_map(|node| match &node.act {
            Act::Join { .. } => Some(Recipient::from(node.author)),
            Act::Admit { device, .. } => Some(Recipient::from(*device)),
            Act::Share { to, .. } => Some(*to),
            _ => None,
        })
    }

    fn all_recipients(&self) -> impl Iterator<Item = Recipient> {
        let members = self.state.members.keys().map(|device| Recipient::from(*device));
        members.chain(self.state.recoveries().map(|(recovery, _)| Recipient::from(*recovery)))
    }

    /// Devices that left, or took a lesser role, by themselves, with what they are now. That alone does not void what such a device writes as if it had not: an admin
    /// should say the same ([`Control::Remove`](crate::control::Control::Remove), or a change of role).
    pub fn to_confirm(&self) -> BTreeMap<DeviceId, Option<Role>> {
        self.state.to_confirm().map(|(device, role)| (*device, role)).gather()
    }

    /// For whom a new key is to be wrapped: each member that has published a key of its own, and each open recovery; in ascending order.
    pub fn recipients(&self) -> BTreeMap<Recipient, &KemKey> {
        let members = self.state.members.iter();
        let members = members.filter_map(|(device, member)| Some((Recipient::from(*device), member.kem.as_ref()?)));
        members.chain(self.state.recoveries().map(|(id, kem)| (Recipient::from(*id), kem))).gather()
    }

    /// Of these, those who were not given the present key.
    pub fn without_key(&self) -> BTreeMap<Recipient, &KemKey> {
        let mut recipients = self.recipients();
        if let Some(rotation) = self.rotation() {
            recipients.retain(|recipient, _| !rotation.known_to.contains(recipient));
        }
        recipients
    }

    /// Whether the device may be served the group's entries.
    pub fn may_read(&self, device: &DeviceId) -> bool {
        self.state.members.contains_key(device)
    }

    /// Whether the device may write data entries.
    pub fn may_write(&self, device: &DeviceId) -> bool {
        self.member(device).is_some_and(|member| member.role >= Role::Writer)
    }

    /// Whether a snapshot by this device may be rested on, if the relay took it when the device might write: it may write now, or it has left or become a reader by itself since. One that an
    /// admin removed, or took the role of, is not believed any more, unless the admin only confirmed what it had done itself.
    pub fn is_believed(&self, device: &DeviceId) -> bool {
        self.may_write(device) || self.state.left_as_writer(device)
    }

    /// Whether the device may invite others.
    pub fn may_admit(&self, device: &DeviceId) -> bool {
        self.member(device).is_some_and(|member| member.role == Role::Admin)
    }

    /// Whether a data entry may stand by who wrote it: the question that relay and device ask of each. [`Refusal::Removed`] and
    /// [`Refusal::RoleForbids`] pass when another entry that stands names it as a parent: then somebody built on it before the removal was known.
    pub fn may_stand(&self, entry: &VerifiedEntry) -> Result<(), Refusal> {
        if entry.group() != self.group {
            return Err(Refusal::OtherGroup);
        }
        match self.member(&entry.author()) {
            None if self.has_heard_of(&entry.author()) => Err(Refusal::Removed),
            None => Err(Refusal::NotAMember),
            Some(_) if entry.kind() == EntryKind::Seen => Ok(()),
            Some(member) if member.role < Role::Writer => Err(Refusal::RoleForbids),
            Some(_) => Ok(()),
        }
    }
}
