//! Peers: what two devices of a group say to each other without a relay, on a channel that others may hear too.
//!
//! A *channel* carries frames to everybody who has it open. Each opening is a *session* with a random name. Who opens a channel says [`PeerFrame::Hello`];
//! whoever is in the same group recognises it by its tag, and each proves to the other that it is one of the group's devices. Then they say which entries they
//! saw last, and ask for what they lack. Only data travels so: who is in the group is heard from a relay alone, where it can be held against what others said.

use crate::codec::{self, Bytes, CodecError};
use crate::frame::Received;
use crate::hash;
use crate::ids::{DeviceId, EntryId, GroupId, PeerSession};
use crate::sign::{BadSignature, Domain, Signature, SigningKey};
use minicbor::{Decode, Encode};

/// The most ids in one frame.
pub const MAX_PEER_IDS: usize = 128;
/// Bytes of entries in one frame, unless a single entry is larger.
pub const MAX_PEER_PAGE_BYTES: usize = 256 << 10;

const TAG_CONTEXT: &str = "ashore 2026-11 peers on a channel v1";

/// One frame on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum PeerFrame {
    /// A session has begun; to everybody, or as the answer to one that began.
    #[n(0)]
    Hello {
        /// Who speaks.
        #[n(0)]
        from: PeerSession,
        /// `None`: everybody.
        #[n(1)]
        to: Option<PeerSession>,
        /// What a proof for this session is made of.
        #[cbor(n(2), with = "minicbor::bytes")]
        nonce: [u8; 32],
        /// [`tag`] of the group and this nonce: says which group it is to who knows it, and nothing to others.
        #[cbor(n(3), with = "minicbor::bytes")]
        tag: [u8; 32],
    },
    /// A session is a device's.
    #[n(1)]
    Proof {
        /// Who speaks.
        #[n(0)]
        from: PeerSession,
        /// To whom.
        #[n(1)]
        to: PeerSession,
        /// Whose session it is.
        #[n(2)]
        device: DeviceId,
        /// See [`prove`].
        #[n(3)]
        signature: Signature,
    },
    /// The entries that no entry names yet, as the speaker has stored them.
    #[n(2)]
    Tips {
        /// Who speaks.
        #[n(0)]
        from: PeerSession,
        /// To whom.
        #[n(1)]
        to: PeerSession,
        /// At most [`MAX_PEER_IDS`].
        #[n(2)]
        tips: Vec<EntryId>,
    },
    /// Asks for entries, and for what they build on. Answers: `Entries`.
    #[n(3)]
    Want {
        /// Who speaks.
        #[n(0)]
        from: PeerSession,
        /// To whom.
        #[n(1)]
        to: PeerSession,
        /// At most [`MAX_PEER_IDS`].
        #[n(2)]
        ids: Vec<EntryId>,
        /// Entries that the speaker has, with all that they build on; at most [`MAX_PEER_IDS`].
        #[n(3)]
        have: Vec<EntryId>,
    },
    /// Entries, what others build on first.
    #[n(4)]
    Entries {
        /// Who speaks.
        #[n(0)]
        from: PeerSession,
        /// To whom.
        #[n(1)]
        to: PeerSession,
        /// Encoded entries of data.
        #[n(2)]
        entries: Vec<Bytes>,
        /// There are more: `Next` asks for them.
        #[n(3)]
        more: bool,
    },
    /// Asks for what follows. Answers: `Entries`.
    #[n(5)]
    Next {
        /// Who speaks.
        #[n(0)]
        from: PeerSession,
        /// To whom.
        #[n(1)]
        to: PeerSession,
    },
    /// A session has ended.
    #[n(6)]
    Bye {
        /// Whose.
        #[n(0)]
        from: PeerSession,
    },
}

/// The numbers that this version knows.
const LAST_FRAME: u32 = 6;

impl PeerFrame {
    /// The bytes on the channel.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads what came on a channel.
    pub fn decode(bytes: &[u8]) -> Result<Received<Self>, CodecError> {
        crate::frame::receive(bytes, &[0..=LAST_FRAME])
    }

    /// Whose frame it is.
    pub fn from(&self) -> PeerSession {
        match self {
            Self::Hello { from, .. }
            | Self::Proof { from, .. }
            | Self::Tips { from, .. }
            | Self::Want { from, .. }
            | Self::Entries { from, .. }
            | Self::Next { from, .. }
            | Self::Bye { from } => *from,
        }
    }

    /// For whom it is; `None`: for everybody.
    pub fn to(&self) -> Option<PeerSession> {
        match self {
            Self::Hello { to, .. } => *to,
            Self::Proof { to, .. }
            | Self::Tips { to, .. }
            | Self::Want { to, .. }
            | Self::Entries { to, .. }
            | Self::Next { to, .. } => Some(*to),
            Self::Bye { .. } => None,
        }
    }
}

/// By what members of a group recognise its sessions.
pub fn tag(group: GroupId, nonce: &[u8; 32]) -> [u8; 32] {
    let material = [group.as_bytes().as_slice(), nonce].concat();
    hash::derive(TAG_CONTEXT, &material)
}

/// What a device signs: for one group, one session of its own, and one session with the nonce that this gave.
#[derive(Debug, Clone, Copy, Encode)]
#[cbor(array)]
pub struct PeerProof {
    /// Of which group it is a device.
    #[n(0)]
    pub group: GroupId,
    /// Its own session.
    #[n(1)]
    pub from: PeerSession,
    /// To whom it proves it.
    #[n(2)]
    pub to: PeerSession,
    /// The nonce in that session's hello.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub nonce: [u8; 32],
}

impl PeerProof {
    /// Signs it.
    pub fn sign(&self, device: &SigningKey) -> Signature {
        device.sign(Domain::Peer, &codec::encode(self))
    }

    /// Whether this device signed it.
    pub fn verify(&self, device: DeviceId, signature: &Signature) -> Result<(), BadSignature> {
        device.verify(Domain::Peer, &codec::encode(self), signature)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn a_proof_passes_only_for_its_group_its_sessions_and_its_nonce() {
        let (key, other) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let (group, from, to) = (GroupId([3; 32]), PeerSession([4; 16]), PeerSession([5; 16]));
        let proof = PeerProof { group, from, to, nonce: [6; 32] };
        let signature = proof.sign(&key);
        assert!(proof.verify(key.device_id(), &signature).is_ok());
        assert!(proof.verify(other.device_id(), &signature).is_err());
        for wrong in [
            PeerProof { group: GroupId([9; 32]), ..proof },
            PeerProof { from: to, to: from, ..proof },
            PeerProof { nonce: [7; 32], ..proof },
        ] {
            assert!(wrong.verify(key.device_id(), &signature).is_err());
        }
    }

    #[test]
    fn a_tag_says_nothing_of_the_group_without_the_nonce() {
        let group = GroupId([3; 32]);
        assert_eq!(tag(group, &[1; 32]), tag(group, &[1; 32]));
        assert_ne!(tag(group, &[1; 32]), tag(group, &[2; 32]));
        assert_ne!(tag(group, &[1; 32]), tag(GroupId([4; 32]), &[1; 32]));
    }
}
