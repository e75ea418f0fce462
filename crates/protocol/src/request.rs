//! A device that is no member asks to become one: what it signs, and how the asking stands.
//!
//! The signature covers the group and the request's bytes as they are, so a request that was changed or that was made for another
//! group does not verify, and a relay hands on fields that it does not know. It proves that the device asks; whose device it is,
//! people find out by comparing words that both devices show.

use crate::codec::{self, Bytes};
use crate::control::Role;
use crate::ids::{DeviceId, Epoch, GroupId, Timestamp};
use crate::keys::KemKey;
use crate::sign::{Domain, Signature, SigningKey};
use minicbor::{Decode, Encode};

/// The largest encoded request. One with the longest name has about 2 KiB.
pub const MAX_REQUEST_BYTES: usize = 4 << 10;
/// The most requests of one group that a relay keeps waiting for an answer.
pub const MAX_GROUP_REQUESTS: usize = 32;

/// What a device asks for.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct JoinRequest {
    /// Who asks.
    #[n(0)]
    pub device: DeviceId,
    /// The key that the group's keys are to be wrapped for.
    #[n(1)]
    pub kem: KemKey,
    /// What it would like to be; an admin decides.
    #[n(2)]
    pub role: Role,
    /// By the asking device's clock.
    #[n(3)]
    pub asked_at: Timestamp,
    /// The epoch of the key in the ticket.
    #[n(4)]
    pub epoch: Epoch,
    /// The device's name, sealed by the engine for the key in the ticket.
    #[n(5)]
    pub sealed: Bytes,
}

/// A request as it travels and is kept.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedRequest {
    /// The encoded [`JoinRequest`].
    #[n(0)]
    pub request: Bytes,
    /// By the device in it, over the group and those bytes.
    #[n(1)]
    pub signature: Signature,
}

/// The request is forged, was changed, is for another group, too large, or no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request to join does not verify")]
pub struct BadRequest;

#[derive(Encode)]
#[cbor(array)]
struct Signing<'a> {
    #[n(0)]
    group: GroupId,
    #[cbor(n(1), with = "minicbor::bytes")]
    request: &'a [u8],
}

impl JoinRequest {
    /// Signs it for this group, with the key of the device in it.
    pub fn sign(&self, group: GroupId, device: &SigningKey) -> SignedRequest {
        let request = codec::encode(self);
        let signature = device.sign(Domain::Request, &codec::encode(&Signing { group, request: &request }));
        SignedRequest { request: request.into(), signature }
    }
}

impl SignedRequest {
    /// What is asked, if the device in it asks for it in this group.
    pub fn verify(&self, group: GroupId) -> Result<JoinRequest, BadRequest> {
        if self.request.len() > MAX_REQUEST_BYTES {
            return Err(BadRequest);
        }
        let request: JoinRequest = codec::decode(&self.request).map_err(|_| BadRequest)?;
        let signed = codec::encode(&Signing { group, request: &self.request });
        request.device.verify(Domain::Request, &signed, &self.signature).map_err(|_| BadRequest)?;
        Ok(request)
    }
}

/// How a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum AskState {
    /// It waits for an admin.
    #[n(0)]
    Pending,
    /// An admin has said no.
    #[n(1)]
    Rejected,
    /// The device is a member, by the relay's word: the group's control entries prove it.
    #[n(2)]
    Admitted,
    /// There is none (any more).
    #[n(3)]
    Withdrawn,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::keys::KEM_KEY_BYTES;

    fn asked() -> (SigningKey, GroupId, SignedRequest) {
        let (device, group) = (SigningKey::from_seed(&[1; 32]), GroupId([2; 32]));
        let request = JoinRequest {
            device: device.device_id(),
            kem: KemKey::from_slice(&[3; KEM_KEY_BYTES]).unwrap(),
            role: Role::Writer,
            asked_at: Timestamp::from_ms(4),
            epoch: Epoch(5),
            sealed: Bytes(vec![6; 100]),
        };
        let signed = request.sign(group, &device);
        assert_eq!(signed.verify(group).unwrap(), request);
        (device, group, signed)
    }

    #[test]
    fn a_request_that_was_changed_or_is_for_another_group_does_not_verify() {
        let (_, group, signed) = asked();
        assert_eq!(signed.verify(GroupId([9; 32])), Err(BadRequest));
        for at in 0..signed.request.len() {
            let mut changed = signed.clone();
            changed.request.0[at] ^= 1;
            assert_eq!(changed.verify(group), Err(BadRequest), "byte {at}");
        }
        let mut longer = signed.clone();
        longer.request.0.push(0);
        assert_eq!(longer.verify(group), Err(BadRequest));
    }

    #[test]
    fn nobody_asks_for_another_device() {
        let (_, group, signed) = asked();
        let request: JoinRequest = codec::decode(&signed.request).unwrap();
        assert_eq!(request.sign(group, &SigningKey::from_seed(&[8; 32])).verify(group), Err(BadRequest));
    }

    #[test]
    fn a_request_that_is_too_large_is_refused_before_it_is_read() {
        let (device, group, signed) = asked();
        let request: JoinRequest = codec::decode(&signed.request).unwrap();
        let large = JoinRequest { sealed: Bytes(vec![0; MAX_REQUEST_BYTES]), ..request };
        assert_eq!(large.sign(group, &device).verify(group), Err(BadRequest));
    }

    #[test]
    fn fields_that_a_newer_version_adds_are_covered_by_the_signature_and_passed_over() {
        let (device, group, signed) = asked();
        let mut newer = signed.request.0.clone();
        assert_eq!(newer[0], 0x86);
        newer[0] = 0x87;
        newer.push(0x01);
        let signature = device.sign(Domain::Request, &codec::encode(&Signing { group, request: &newer }));
        let newer = SignedRequest { request: newer.into(), signature };
        assert_eq!(newer.verify(group).unwrap().device, device.device_id());
        let both = SignedRequest { signature: signed.signature, ..newer };
        assert_eq!(both.verify(group), Err(BadRequest));
    }
}
