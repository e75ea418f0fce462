//! Control entries: who is in a group. Their payload is plaintext CBOR, because the relay checks them too; names inside
//! are sealed by the engine and opaque here.
//!
//! Parents of a control entry: its author names, besides the group's tips, the last *control* entries it has seen. So the
//! control entries of a group hold together by themselves and membership can be worked out without the data entries.

use crate::codec::{self, Bytes, CodecError};
use crate::ids::{DeviceId, EntryId, Epoch, GroupId, InviteKey, Timestamp};
use crate::keys::{KemKey, Recipient, Rotation};
use crate::sign::{BadSignature, Domain, Signature, SigningKey};
use minicbor::{Decode, Decoder, Encode};

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Reads.
    #[n(0)]
    Reader,
    /// Reads and writes.
    #[n(1)]
    Writer,
    /// Reads, writes and admits others.
    #[n(2)]
    Admin,
}

/// What a control entry says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Control {
    /// Founds a group. Its author is the first admin.
    #[n(0)]
    Genesis {
        /// By the founder's clock.
        #[n(0)]
        created_at: Timestamp,
        /// Random: two groups founded by one device in one millisecond differ.
        #[cbor(n(1), with = "minicbor::bytes")]
        nonce: [u8; 16],
        /// The founder's name, sealed by the engine.
        #[n(2)]
        sealed: Bytes,
        /// The key that the group's keys are wrapped for when they change.
        #[n(3)]
        kem: Option<KemKey>,
    },
    /// An admin lets whoever holds the secret half of `invite_key` join.
    #[n(1)]
    Invite {
        /// The key that a join must be signed with besides the joining device's own.
        #[n(0)]
        invite_key: InviteKey,
        /// What those who join by it become.
        #[n(1)]
        role: Role,
        /// Nobody joins by it later than this.
        #[n(2)]
        expires_at: Timestamp,
        /// How many may join by it; 1 unless told otherwise.
        #[n(3)]
        uses: u32,
        /// A note for the admins' devices, sealed by the engine.
        #[n(4)]
        sealed: Bytes,
    },
    /// The author joins by an invite.
    #[n(2)]
    Join {
        /// The entry with the [`Control::Invite`]; it must also be among this entry's parents.
        #[n(0)]
        invite: EntryId,
        /// By the joining device's clock.
        #[n(1)]
        joined_at: Timestamp,
        /// See [`JoinProof`].
        #[n(2)]
        proof: Signature,
        /// The joining device's name, sealed by the engine.
        #[n(3)]
        sealed: Bytes,
        /// The key that the group's keys are wrapped for when they change.
        #[n(4)]
        kem: Option<KemKey>,
    },
    /// The author goes by another name, or by another key.
    #[n(3)]
    Name {
        /// The name, sealed by the engine.
        #[n(0)]
        sealed: Bytes,
        /// The key that the group's keys are wrapped for from now on; the one from before when there is none here.
        #[n(1)]
        kem: Option<KemKey>,
    },
    /// An admin removes a device. It never comes back under the same key.
    #[n(4)]
    Remove {
        /// Which one.
        #[n(0)]
        device: DeviceId,
        /// The next epoch, closed to the device. Without one some admin has to rotate.
        #[n(1)]
        rotation: Option<Rotation>,
    },
    /// An admin gives a member another role.
    #[n(5)]
    Role {
        /// Which one.
        #[n(0)]
        device: DeviceId,
        /// What it is from now on.
        #[n(1)]
        role: Role,
    },
    /// The author leaves. It knows the present key, so some admin has to rotate.
    #[n(6)]
    Leave,
    /// An admin begins another epoch.
    #[n(7)]
    Rotate {
        /// The next epoch.
        #[n(0)]
        rotation: Rotation,
    },
    /// An admin closes an invite or a recovery.
    #[n(8)]
    Revoke {
        /// The entry that opened it.
        #[n(0)]
        invite: EntryId,
    },
    /// An admin admits a device that asked for it.
    #[n(9)]
    Admit {
        /// Which one.
        #[n(0)]
        device: DeviceId,
        /// What it becomes.
        #[n(1)]
        role: Role,
        /// By the admin's clock.
        #[n(2)]
        admitted_at: Timestamp,
        /// The key that the group's keys are wrapped for.
        #[n(3)]
        kem: KemKey,
        /// The device's name, sealed by the admin's engine.
        #[n(4)]
        sealed: Bytes,
        /// The key of this entry's epoch, wrapped for the device.
        #[n(5)]
        share: Bytes,
    },
    /// An admin gives a member that lacks it the key of an epoch.
    #[n(10)]
    Share {
        /// For whom.
        #[n(0)]
        to: Recipient,
        /// The epoch.
        #[n(1)]
        epoch: Epoch,
        /// The entry that began it.
        #[n(2)]
        rotation: EntryId,
        /// Its key, wrapped.
        #[n(3)]
        sealed: Bytes,
    },
    /// An admin prepares for the loss of all devices: whoever holds these secrets may join as an admin, and the group's keys
    /// are wrapped for it too.
    #[n(11)]
    Recovery {
        /// As in an invite.
        #[n(0)]
        invite_key: InviteKey,
        /// The key that the group's keys are wrapped for.
        #[n(1)]
        kem: KemKey,
        /// The key of this entry's epoch, wrapped for it.
        #[n(2)]
        share: Bytes,
        /// A note for the admins' devices, sealed by the engine.
        #[n(3)]
        sealed: Option<Bytes>,
    },
}

const KNOWN_KINDS: u32 = 12;

/// Why a payload is not a control that this version understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A kind of a newer version. Nothing that comes after it in the group can be judged by this version.
    #[error("control kind {0} is not supported by this version")]
    Unsupported(u32),
    /// Not the canonical encoding of a control.
    #[error("the control does not decode: {0}")]
    Codec(#[from] CodecError),
}

impl Control {
    /// Parses the payload of a control entry.
    pub fn parse(payload: &[u8]) -> Result<Self, ControlError> {
        let kind = peek_kind(payload).map_err(|error| CodecError::Malformed(error.to_string()))?;
        if kind >= KNOWN_KINDS {
            return Err(ControlError::Unsupported(kind));
        }
        Ok(codec::decode_canonical(payload)?)
    }
}

fn peek_kind(payload: &[u8]) -> Result<u32, minicbor::decode::Error> {
    let mut decoder = Decoder::new(payload);
    decoder.array()?;
    decoder.u32()
}

/// What the invite's key signs in a join: this device joins this group by this invite at this time, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct JoinProof {
    /// The group that is joined.
    #[n(0)]
    pub group: GroupId,
    /// The device that joins: the author of the join.
    #[n(1)]
    pub device: DeviceId,
    /// The entry with the invite.
    #[n(2)]
    pub invite: EntryId,
    /// The same as in the join.
    #[n(3)]
    pub joined_at: Timestamp,
}

impl JoinProof {
    /// Signs with the secret half of the invite's key.
    pub fn sign(&self, invite_secret: &SigningKey) -> Signature {
        invite_secret.sign(Domain::Join, &codec::encode(self))
    }

    /// Checks the signature against the key in the invite.
    pub fn verify(&self, invite_key: &InviteKey, proof: &Signature) -> Result<(), BadSignature> {
        invite_key.verify(Domain::Join, &codec::encode(self), proof)
    }
}
