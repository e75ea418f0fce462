//! Whispers, sealed and signed: what devices of a group say to one another while both are connected. Nothing of it is kept.

use crate::crypto::{Key, open, seal};
use crate::rng::Rng;
use ashore_protocol::codec::{Bytes, decode, encode};
use ashore_protocol::ids::{DeviceId, Epoch, GroupId, Timestamp};
use ashore_protocol::limits::MAX_WHISPER_BYTES;
use ashore_protocol::sign::{Domain, Signature, SigningKey};
use minicbor::{Decode, Encode};

/// The longest state, in bytes of JSON.
pub const MAX_STATE_BYTES: usize = 1_024;
/// The longest name of a handle, in bytes.
pub const MAX_HANDLE_BYTES: usize = 64;

const WHISPER_CONTEXT: &str = "ashore 2026-11 whisper v1";
/// Sizes are rounded up to this, so that most whispers look alike.
const PADDED_TO: usize = 256;

/// What one device says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Said {
    /// Higher than of everything that this device said before; otherwise its clock's time.
    #[n(0)]
    pub stamp: Timestamp,
    /// What it says.
    #[n(1)]
    pub word: Word,
}

/// One word of a conversation about who is here.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(flat)]
pub enum Word {
    /// The state of one open database on this device.
    #[n(0)]
    State {
        /// Which one: random, chosen when it was opened.
        #[n(0)]
        handle: String,
        /// When it was set first.
        #[n(1)]
        since: Timestamp,
        /// JSON.
        #[n(2)]
        state: String,
    },
    /// It has no state any more.
    #[n(1)]
    Leave {
        /// Which one.
        #[n(0)]
        handle: String,
    },
    /// Whoever has a state: say it again.
    #[n(2)]
    Ask {},
}

/// Where a whisper belongs; it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode)]
#[cbor(array)]
pub struct WhisperPlace {
    /// The group.
    #[n(0)]
    pub group: GroupId,
    /// Whose key it is sealed with.
    #[n(1)]
    pub epoch: Epoch,
    /// Who says it.
    #[n(2)]
    pub author: DeviceId,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Signed {
    #[n(0)]
    said: Bytes,
    #[n(1)]
    signature: Signature,
}

#[derive(Encode)]
#[cbor(array)]
struct Signing<'a> {
    #[n(0)]
    group: GroupId,
    #[n(1)]
    epoch: Epoch,
    #[n(2)]
    author: DeviceId,
    #[cbor(n(3), with = "minicbor::bytes")]
    said: &'a [u8],
}

impl Said {
    /// Signed by its author and sealed for the group.
    pub fn seal(&self, key: &Key, author: &SigningKey, place: &WhisperPlace, rng: &mut Rng) -> Vec<u8> {
        let said = encode(self);
        let signature = author.sign(Domain::Whisper, &signing(place, &said));
        let signed = encode(&Signed { said: said.into(), signature });
        let mut plain = (signed.len() as u16).to_be_bytes().to_vec();
        plain.extend_from_slice(&signed);
        plain.resize(plain.len().next_multiple_of(PADDED_TO), 0);
        seal(&key.derive(WHISPER_CONTEXT), &encode(place), &plain, rng)
    }

    /// Opens what [`Said::seal`] made with this key for this place. `is_news` looks at the stamp before the signature is checked.
    pub fn open(
        key: &Key,
        place: &WhisperPlace,
        sealed: &[u8],
        is_news: impl FnOnce(Timestamp) -> bool,
    ) -> Option<Self> {
        if sealed.len() > MAX_WHISPER_BYTES {
            return None;
        }
        let plain = open(&key.derive(WHISPER_CONTEXT), &encode(place), sealed).ok()?;
        let (length, rest) = plain.split_first_chunk::<2>()?;
        let signed: Signed = decode(rest.get(..usize::from(u16::from_be_bytes(*length)))?).ok()?;
        let said: Self = decode(&signed.said).ok()?;
        if !is_news(said.stamp) || !said.is_bounded() {
            return None;
        }
        place.author.verify(Domain::Whisper, &signing(place, &signed.said), &signed.signature).ok()?;
        Some(said)
    }

    fn is_bounded(&self) -> bool {
        let is_handle = |handle: &str| !handle.is_empty() && handle.len() <= MAX_HANDLE_BYTES;
        match &self.word {
            Word::State { handle, state, .. } => is_handle(handle) && state.len() <= MAX_STATE_BYTES,
            Word::Leave { handle } => is_handle(handle),
            Word::Ask {} => true,
        }
    }
}

fn signing(place: &WhisperPlace, said: &[u8]) -> Vec<u8> {
    let WhisperPlace { group, epoch, author } = *place;
    encode(&Signing { group, epoch, author, said })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn parts() -> (Rng, Key, SigningKey, WhisperPlace) {
        let mut rng = Rng::seeded([8; 32]);
        let (key, device) = (Key::random(&mut rng), SigningKey::from_seed(&[1; 32]));
        let place = WhisperPlace { group: GroupId([4; 32]), epoch: Epoch(2), author: device.device_id() };
        (rng, key, device, place)
    }

    fn said(state: &str) -> Said {
        let word = Word::State { handle: "h".into(), since: Timestamp::from_ms(5), state: state.into() };
        Said { stamp: Timestamp::from_ms(9), word }
    }

    #[test]
    fn a_whisper_opens_only_where_it_belongs_and_unchanged() {
        let (mut rng, key, device, place) = parts();
        let sealed = said(r#"{"x":1}"#).seal(&key, &device, &place, &mut rng);
        let open = |key: &Key, place: &WhisperPlace, sealed: &[u8]| Said::open(key, place, sealed, |_| true);
        assert_eq!(open(&key, &place, &sealed), Some(said(r#"{"x":1}"#)));
        assert_eq!(open(&Key::random(&mut rng), &place, &sealed), None);
        let others = [
            WhisperPlace { group: GroupId([5; 32]), ..place },
            WhisperPlace { epoch: Epoch(3), ..place },
            WhisperPlace { author: SigningKey::from_seed(&[2; 32]).device_id(), ..place },
        ];
        assert!(others.iter().all(|other| open(&key, other, &sealed).is_none()));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, &place, &changed), None);
            assert_eq!(open(&key, &place, &sealed[..at]), None);
        }
    }

    #[test]
    fn a_member_cannot_speak_as_another() {
        let (mut rng, key, device, place) = parts();
        let forger = SigningKey::from_seed(&[2; 32]);
        // A member has the group's key, so it can seal for any author; it cannot sign as one.
        let forged = said("{}").seal(&key, &forger, &place, &mut rng);
        assert_eq!(Said::open(&key, &place, &forged, |_| true), None);
        assert!(Said::open(&key, &place, &said("{}").seal(&key, &device, &place, &mut rng), |_| true).is_some());
    }

    #[test]
    fn what_is_too_large_is_not_taken_and_the_largest_fits() {
        let (mut rng, key, device, place) = parts();
        let largest = said(&"x".repeat(MAX_STATE_BYTES)).seal(&key, &device, &place, &mut rng);
        assert!(largest.len() <= MAX_WHISPER_BYTES);
        assert!(Said::open(&key, &place, &largest, |_| true).is_some());
        let larger = said(&"x".repeat(MAX_STATE_BYTES + 1)).seal(&key, &device, &place, &mut rng);
        assert_eq!(Said::open(&key, &place, &larger, |_| true), None);
    }

    #[test]
    fn sizes_tell_little() {
        let (mut rng, key, device, place) = parts();
        let size = |state: &str, rng: &mut Rng| said(state).seal(&key, &device, &place, rng).len();
        assert_eq!(size("{}", &mut rng), size(r#"{"note":"a","at":"0123456789"}"#, &mut rng));
    }

    #[test]
    fn a_word_that_only_newer_versions_know_is_dropped() {
        let (mut rng, key, device, place) = parts();
        let sealed = |said: &[u8], rng: &mut Rng| {
            let signature = device.sign(Domain::Whisper, &signing(&place, said));
            let signed = encode(&Signed { said: said.into(), signature });
            let plain = [&(signed.len() as u16).to_be_bytes()[..], &signed].concat();
            seal(&key.derive(WHISPER_CONTEXT), &encode(&place), &plain, rng)
        };
        let heard = |sealed: &[u8]| Said::open(&key, &place, sealed, |_| true);
        assert_eq!(heard(&sealed(b"\x82\x01\x82\x03\x61h", &mut rng)), None);
        let known = Said { stamp: Timestamp::from_ms(1), word: Word::Leave { handle: "h".into() } };
        assert_eq!(heard(&sealed(b"\x82\x01\x82\x01\x61h", &mut rng)), Some(known));
    }

    #[test]
    fn every_word_is_written_as_the_same_bytes_for_ever() {
        let words = [
            said("{}"),
            Said { stamp: Timestamp::from_ms(1), word: Word::Leave { handle: "h".into() } },
            Said { stamp: Timestamp::from_ms(1), word: Word::Ask {} },
        ];
        let hex = words.map(|said| data_encoding::HEXLOWER.encode(&encode(&said)));
        assert_eq!(hex, ["82098400616805627b7d", "820182016168", "82018102"]);
    }
}
