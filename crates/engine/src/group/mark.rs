//! The mark of an invite that needs approval: by it admins' devices know that a request came with that invite.
//!
//! The invite's link is a ticket with a secret. Who asks with it signs what it asks for; nobody joins by that, since the key is not the
//! one that a join is proven by. The mark travels sealed beside the name, so the relay does not see which requests have one.

use crate::crypto::Key;
use crate::rng::Rng;
use ashore_protocol::codec::encode;
use ashore_protocol::control::Role;
use ashore_protocol::ids::{DeviceId, Epoch, GroupId, InviteKey, Timestamp};
use ashore_protocol::keys::KemKey;
use ashore_protocol::request::JoinRequest;
use ashore_protocol::sign::{Domain, Signature, SigningKey};
use minicbor::Encode;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of the secret in a link.
const MARK_SECRET_BYTES: usize = 32;
/// What the key that marks requests is derived for.
const MARK_CONTEXT: &str = "ashore 2026-11 invite mark key v1";

/// What stands in the link of an invite that needs approval; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MarkSecret(Zeroizing<[u8; MARK_SECRET_BYTES]>);

impl MarkSecret {
    /// One for a new invite.
    pub fn random(rng: &mut Rng) -> Self {
        Self::new(rng.bytes())
    }

    /// The one of these bytes.
    pub fn new(bytes: [u8; MARK_SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the link.
    pub fn expose(&self) -> &[u8; MARK_SECRET_BYTES] {
        &self.0
    }

    /// What admins' devices check marks by.
    pub fn public(&self) -> InviteKey {
        self.signing_key().invite_key()
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_seed(Key::new(*self.0).derive(MARK_CONTEXT).expose())
    }
}

impl fmt::Debug for MarkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkSecret(…)")
    }
}

/// What a mark is made over: everything that is asked, and of which group. The name is covered by the asking device's own signature.
#[derive(Clone, Copy, Debug, Encode)]
#[cbor(array)]
pub struct Marked<'r> {
    /// The group that is asked.
    #[n(0)]
    pub group: GroupId,
    /// Who asks.
    #[n(1)]
    pub device: DeviceId,
    /// Its key.
    #[n(2)]
    pub kem: &'r KemKey,
    /// What it would like to be.
    #[n(3)]
    pub role: Role,
    /// When it asked.
    #[n(4)]
    pub asked_at: Timestamp,
    /// The epoch in the link.
    #[n(5)]
    pub epoch: Epoch,
}

impl<'r> Marked<'r> {
    /// What is marked of this request.
    pub fn of(group: GroupId, request: &'r JoinRequest) -> Self {
        let JoinRequest { device, kem, role, asked_at, epoch, sealed: _ } = request;
        Self { group, device: *device, kem, role: *role, asked_at: *asked_at, epoch: *epoch }
    }

    /// The mark of the invite with this secret.
    pub fn mark(&self, secret: &MarkSecret) -> Signature {
        secret.signing_key().sign(Domain::Mark, &encode(self))
    }

    /// Whether this mark is the one of the invite with this key.
    pub fn is_by(&self, key: &InviteKey, mark: &Signature) -> bool {
        key.verify(Domain::Mark, &encode(self), mark).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ashore_protocol::codec::Bytes;
    use ashore_protocol::keys::KEM_KEY_BYTES;

    fn request(device: u8) -> JoinRequest {
        JoinRequest {
            device: DeviceId([device; 32]),
            kem: KemKey::from_slice(&[3; KEM_KEY_BYTES]).unwrap(),
            role: Role::Writer,
            asked_at: Timestamp::from_ms(4),
            epoch: Epoch(5),
            sealed: Bytes(vec![]),
        }
    }

    #[test]
    fn a_mark_is_of_one_invite_one_group_and_one_request() {
        let (secret, other) = (MarkSecret::new([1; 32]), MarkSecret::new([2; 32]));
        let (group, asked) = (GroupId([9; 32]), request(1));
        let mark = Marked::of(group, &asked).mark(&secret);
        assert!(Marked::of(group, &asked).is_by(&secret.public(), &mark));
        assert!(!Marked::of(group, &asked).is_by(&other.public(), &mark));
        assert!(!Marked::of(GroupId([8; 32]), &asked).is_by(&secret.public(), &mark));
        let kem = KemKey::from_slice(&[4; KEM_KEY_BYTES]).unwrap();
        let changed = [
            request(2),
            JoinRequest { kem, ..request(1) },
            JoinRequest { role: Role::Admin, ..request(1) },
            JoinRequest { asked_at: Timestamp::from_ms(5), ..request(1) },
            JoinRequest { epoch: Epoch(6), ..request(1) },
        ];
        assert!(changed.iter().all(|changed| !Marked::of(group, changed).is_by(&secret.public(), &mark)));
    }

    #[test]
    fn the_key_of_a_secret_is_the_same_for_ever_and_the_secret_is_not_printed() {
        let secret = MarkSecret::new([7; 32]);
        assert_eq!(secret.public().to_string(), "q7vfsmi1p9s8t1mdefcqgq7q40njip8dlol8r3tcqtncdu5u2fp0");
        assert!(!format!("{secret:?}").contains('7'));
    }
}
