//! The handshake: a device proves to a relay that it holds its key, and both settle on a version.
//!
//! The signature covers what the relay offered and what the device chose, so neither a version nor a limit of the
//! conversation can be changed on the way; and the relay's address as dialled, so that a relay cannot pass
//! a device's answer on to another relay as its own (the other, if it knows its names, refuses).

use crate::codec;
use crate::frame::{ClientFrame, FailureCode};
use crate::ids::DeviceId;
use crate::sign::{Domain, Signature, SigningKey};
use minicbor::Encode;

/// The versions of the conversation that this crate speaks, best last.
pub const VERSIONS: &[u32] = &[1];

/// What is signed.
#[derive(Debug, Encode)]
#[cbor(array)]
struct Transcript<'a> {
    #[cbor(n(0), with = "minicbor::bytes")]
    nonce: [u8; 32],
    #[n(1)]
    offered: &'a [u32],
    #[n(2)]
    version: u32,
    #[n(3)]
    device: DeviceId,
    #[n(4)]
    audience: &'a str,
}

/// The best version that both speak.
pub fn choose_version(ours: &[u32], theirs: &[u32]) -> Option<u32> {
    ours.iter().copied().filter(|version| theirs.contains(version)).max()
}

/// Answers a challenge. `audience` is host and port of the relay's address as dialled, the port only when it is in the
/// address (as in a browser's `URL.host`). `None` when there is no version in common.
pub fn answer(key: &SigningKey, offered: &[u32], nonce: [u8; 32], audience: &str) -> Option<ClientFrame> {
    let version = choose_version(VERSIONS, offered)?;
    let device = key.device_id();
    let transcript = Transcript { nonce, offered, version, device, audience };
    let signature = key.sign(Domain::Handshake, &codec::encode(&transcript));
    Some(ClientFrame::Hello { version, device, audience: audience.to_owned(), signature })
}

/// What a relay expects of an answer.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// What it offered.
    pub offered: &'a [u32],
    /// The nonce it gave this connection.
    pub nonce: [u8; 32],
    /// The names it goes by; empty when it does not know, and then any will do.
    pub audiences: &'a [String],
}

impl Expected<'_> {
    /// Checks the fields of a [`ClientFrame::Hello`].
    pub fn check(
        &self,
        version: u32,
        device: DeviceId,
        audience: &str,
        signature: &Signature,
    ) -> Result<(), FailureCode> {
        if !self.offered.contains(&version) {
            return Err(FailureCode::UnsupportedVersion);
        }
        let ours = self.audiences.is_empty() || self.audiences.iter().any(|name| name.eq_ignore_ascii_case(audience));
        if !ours {
            return Err(FailureCode::WrongAudience);
        }
        let transcript = Transcript { nonce: self.nonce, offered: self.offered, version, device, audience };
        device.verify(Domain::Handshake, &codec::encode(&transcript), signature).map_err(|_| FailureCode::BadHandshake)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    fn check(offered: &[u32], nonce: [u8; 32], audiences: &[String], frame: &ClientFrame) -> Result<(), FailureCode> {
        let ClientFrame::Hello { version, device, audience, signature } = frame else { panic!("not a hello") };
        Expected { offered, nonce, audiences }.check(*version, *device, audience, signature)
    }

    #[test]
    fn an_answer_passes_only_for_its_nonce_its_offer_and_its_relay() {
        let key = SigningKey::from_seed(&[1; 32]);
        let frame = answer(&key, &[1], [9; 32], "relay.example").unwrap();
        let ours = ["relay.example".to_owned()];
        assert_eq!(check(&[1], [9; 32], &ours, &frame), Ok(()));
        assert_eq!(check(&[1], [9; 32], &[], &frame), Ok(()));
        assert_eq!(check(&[1], [8; 32], &ours, &frame), Err(FailureCode::BadHandshake));
        assert_eq!(check(&[1, 2], [9; 32], &ours, &frame), Err(FailureCode::BadHandshake));
        assert_eq!(check(&[2], [9; 32], &ours, &frame), Err(FailureCode::UnsupportedVersion));
        assert_eq!(check(&[1], [9; 32], &["other".to_owned()], &frame), Err(FailureCode::WrongAudience));
    }

    #[test]
    fn a_device_answers_a_newer_relay_in_the_version_that_both_speak() {
        let key = SigningKey::from_seed(&[1; 32]);
        let offered = [VERSIONS, &[7, 9]].concat();
        let frame = answer(&key, &offered, [9; 32], "relay.example").unwrap();
        assert!(matches!(frame, ClientFrame::Hello { version: 1, .. }));
        assert_eq!(check(&offered, [9; 32], &[], &frame), Ok(()));
        assert_eq!(check(VERSIONS, [9; 32], &[], &frame), Err(FailureCode::BadHandshake), "nobody took one away");
        assert_eq!(answer(&key, &[7, 9], [9; 32], "relay.example"), None);
    }

    #[test]
    fn the_best_common_version_is_chosen() {
        let matrix: [(&[u32], &[u32], Option<u32>); 4] =
            [(&[1], &[1], Some(1)), (&[1, 2], &[1], Some(1)), (&[1, 2], &[2, 3, 1], Some(2)), (&[1], &[2], None)];
        for (ours, theirs, chosen) in matrix {
            assert_eq!(choose_version(ours, theirs), chosen);
        }
    }
}
