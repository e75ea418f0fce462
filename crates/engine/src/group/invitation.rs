//! What waits sealed at the relay for the holder of an invite code.

use crate::crypto::{Key, OpenError, open, seal};
use crate::rng::Rng;
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::ids::{EntryId, GroupId, InviteKey, InvitePlace, Timestamp};
use ashore_protocol::invite::{InviteCode, KEY_CONTEXT};
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, Zeroizing};

const PURPOSE: &[u8] = b"ashore 1 invitation";

/// What the key of notes in invites is derived for.
const NOTE_CONTEXT: &str = "ashore 2026-11 invite note v1";

/// What admins' devices have to know of an invite to withdraw it; sealed inside its control entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct InviteNote {
    /// Where the invitation lies at the relay. The code cannot be worked out from it.
    #[n(0)]
    pub place: InvitePlace,
    /// Of an invite that needs approval: what the marks of requests that came with it are checked by. Nothing lies at the relay then.
    #[n(1)]
    pub marks: Option<InviteKey>,
}

impl InviteNote {
    /// Seals it for the group.
    pub fn seal(&self, epoch_key: &Key, rng: &mut Rng) -> Vec<u8> {
        seal(&epoch_key.derive(NOTE_CONTEXT), &[], &encode(self), rng)
    }

    /// Opens what [`InviteNote::seal`] made.
    pub fn open(epoch_key: &Key, sealed: &[u8]) -> Option<Self> {
        decode(&open(&epoch_key.derive(NOTE_CONTEXT), &[], sealed).ok()?).ok()
    }
}

/// Everything that a device needs to join: where, with which proof, and the key to read what is there.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Invitation {
    /// The group.
    #[n(0)]
    pub group: GroupId,
    /// The control entry that made the invite.
    #[n(1)]
    pub invite: EntryId,
    /// The seed of the invite's signing key.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub invite_seed: [u8; 32],
    /// The group's epoch.
    #[n(3)]
    pub epoch: u32,
    /// The group's key of that epoch.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub epoch_key: [u8; 32],
    /// No device uses it after this time.
    #[n(5)]
    pub expires_at: Timestamp,
    /// The entry that began the epoch; `None` from versions that know only the epoch of the genesis.
    #[n(6)]
    pub begun_by: Option<EntryId>,
}

impl Drop for Invitation {
    fn drop(&mut self) {
        self.invite_seed.zeroize();
        self.epoch_key.zeroize();
    }
}

/// The key that opens an invitation; another hash of the code than the place where it lies, so a relay cannot derive it.
pub fn opening_key(code: &InviteCode) -> Key {
    Key::new(code.derive(KEY_CONTEXT))
}

impl Invitation {
    /// Seals it for whoever has the code.
    pub fn seal(&self, code: &InviteCode, rng: &mut Rng) -> Vec<u8> {
        let plain = Zeroizing::new(encode(self));
        seal(&opening_key(code), PURPOSE, &plain, rng)
    }

    /// Opens what [`Invitation::seal`] made.
    pub fn open(code: &InviteCode, sealed: &[u8]) -> Result<Self, OpenError> {
        let plain = Zeroizing::new(open(&opening_key(code), PURPOSE, sealed)?);
        decode(&plain).map_err(|_| OpenError)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_invitation_opens_only_with_its_code() {
        let mut rng = Rng::seeded([5; 32]);
        let invitation = Invitation {
            group: GroupId([1; 32]),
            invite: EntryId([2; 32]),
            invite_seed: [3; 32],
            epoch: 0,
            epoch_key: [4; 32],
            expires_at: Timestamp::from_ms(5),
            begun_by: Some(EntryId([1; 32])),
        };
        let code = InviteCode::from_random([9; 10]);
        let sealed = invitation.seal(&code, &mut rng);
        assert!(Invitation::open(&code, &sealed).unwrap() == invitation);
        assert!(Invitation::open(&InviteCode::from_random([8; 10]), &sealed).is_err());
        assert!(!sealed.windows(32).any(|window| window == [4; 32]));
    }
}
