//! A control entry as membership sees it: without names, proofs of wrapped keys and other bytes that do not matter here.

use super::{Change, Refusal};
use crate::control::{Control, JoinProof, Role};
use crate::header::VerifiedEntry;
use crate::ids::{DeviceId, EntryId, Epoch, GroupId, InviteKey, Timestamp};
use crate::keys::{KemKey, Recipient, Rotation};
use crate::sign::Signature;
use std::sync::OnceLock;

/// One control entry of a group.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: EntryId,
    pub(super) author: DeviceId,
    pub(super) parents: Vec<EntryId>,
    pub(super) epoch: Epoch,
    pub(super) act: Act,
    /// Whether the proof of a join is the invite's; worked out once, since it does not change.
    proven: OnceLock<bool>,
}

/// What it does.
#[derive(Debug)]
pub(super) enum Act {
    Found { at: Timestamp, kem: Option<KemKey> },
    Invite { key: InviteKey, role: Role, expires_at: Timestamp, uses: u32 },
    Join { invite: EntryId, at: Timestamp, proof: Signature, kem: Option<KemKey> },
    Name { kem: Option<KemKey> },
    Remove { device: DeviceId, turn: Option<Turn> },
    Role { device: DeviceId, role: Role },
    Leave,
    Rotate { turn: Turn },
    Revoke { invite: EntryId },
    Admit { device: DeviceId, role: Role, at: Timestamp, kem: KemKey },
    Share { to: Recipient, epoch: Epoch, rotation: EntryId },
    Recovery { key: InviteKey, kem: KemKey },
}

/// A rotation: the epoch that it begins, and who can read it.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) epoch: Epoch,
    pub(super) recipients: Vec<Recipient>,
    pub(super) is_sound: bool,
}

impl Turn {
    fn new(rotation: &Rotation) -> Self {
        let recipients = rotation.wraps.iter().map(|wrap| wrap.to).collect();
        Self { epoch: rotation.epoch, recipients, is_sound: rotation.is_sound() }
    }
}

impl Node {
    pub(super) fn new(entry: &VerifiedEntry) -> Result<Self, Refusal> {
        let control = entry.control().ok_or(Refusal::NotControl)?;
        Ok(Self {
            id: entry.id(),
            author: entry.author(),
            parents: entry.parents().to_vec(),
            epoch: entry.epoch(),
            act: Act::new(control),
            proven: OnceLock::new(),
        })
    }

    /// Whether this join's proof is signed by the key of its invite. An entry names its invite by its hash, so the answer stays.
    pub(super) fn is_proven(&self, group: GroupId, key: &InviteKey) -> bool {
        let Act::Join { invite, at, proof, .. } = &self.act else { return false };
        let claim = JoinProof { group, device: self.author, invite: *invite, joined_at: *at };
        *self.proven.get_or_init(|| claim.verify(key, proof).is_ok())
    }
}

impl Act {
    fn new(control: &Control) -> Self {
        match control {
            Control::Genesis { created_at, kem, .. } => Self::Found { at: *created_at, kem: kem.clone() },
            Control::Invite { invite_key, role, expires_at, uses, .. } => {
                Self::Invite { key: *invite_key, role: *role, expires_at: *expires_at, uses: *uses }
            }
            Control::Join { invite, joined_at, proof, kem, .. } => {
                Self::Join { invite: *invite, at: *joined_at, proof: *proof, kem: kem.clone() }
            }
            Control::Name { kem, .. } => Self::Name { kem: kem.clone() },
            Control::Remove { device, rotation } => {
                Self::Remove { device: *device, turn: rotation.as_ref().map(Turn::new) }
            }
            Control::Role { device, role } => Self::Role { device: *device, role: *role },
            Control::Leave => Self::Leave,
            Control::Rotate { rotation } => Self::Rotate { turn: Turn::new(rotation) },
            Control::Revoke { invite } => Self::Revoke { invite: *invite },
            Control::Admit { device, role, admitted_at, kem, .. } => {
                Self::Admit { device: *device, role: *role, at: *admitted_at, kem: kem.clone() }
            }
            Control::Share { to, epoch, rotation, .. } => Self::Share { to: *to, epoch: *epoch, rotation: *rotation },
            Control::Recovery { invite_key, kem, .. } => Self::Recovery { key: *invite_key, kem: kem.clone() },
        }
    }

    /// The role that its author has to have; `None` where it is not a member yet.
    pub(super) fn needs(&self) -> Option<Role> {
        match self {
            Self::Found { .. } | Self::Join { .. } => None,
            Self::Name { .. } | Self::Leave => Some(Role::Reader),
            Self::Invite { .. }
            | Self::Remove { .. }
            | Self::Role { .. }
            | Self::Rotate { .. }
            | Self::Revoke { .. }
            | Self::Admit { .. }
            | Self::Share { .. }
            | Self::Recovery { .. } => Some(Role::Admin),
        }
    }

    /// The entry that it is about.
    pub(super) fn names(&self) -> Option<EntryId> {
        match self {
            Self::Join { invite, .. } | Self::Revoke { invite } => Some(*invite),
            Self::Share { rotation, .. } => Some(*rotation),
            _ => None,
        }
    }

    /// What it changes when it stands.
    pub(super) fn change(&self, node: &Node) -> Change {
        match self {
            Self::Found { .. } => Change::Founded(node.author),
            Self::Invite { .. } => Change::Invited(node.id),
            Self::Join { .. } => Change::Joined(node.author),
            Self::Name { .. } => Change::Renamed(node.author),
            Self::Remove { device, .. } => Change::Removed(*device),
            Self::Leave => Change::Removed(node.author),
            Self::Role { device, .. } => Change::RoleChanged(*device),
            Self::Rotate { turn } => Change::Rotated(turn.epoch),
            Self::Revoke { invite } => Change::Revoked(*invite),
            Self::Admit { device, .. } => Change::Joined(*device),
            Self::Share { .. } => Change::Shared,
            Self::Recovery { .. } => Change::Recoverable(node.id),
        }
    }

    /// Whether it takes something away, and so what was done at the same time may not stand.
    pub(super) fn takes_away(&self) -> bool {
        matches!(self, Self::Remove { .. } | Self::Role { .. } | Self::Revoke { .. })
    }
}

/// The epoch that an entry begins, if it stands.
pub(super) fn begun(node: &Node) -> Option<Epoch> {
    match &node.act {
        Act::Found { .. } => Some(node.epoch),
        Act::Remove { turn: Some(turn), .. } | Act::Rotate { turn } => Some(turn.epoch),
        _ => None,
    }
}
