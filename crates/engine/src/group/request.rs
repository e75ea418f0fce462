//! What a device that asks to join keeps and seals, and the words by which two people know that it is that device.

use crate::crypto::{BOX_KEY_BYTES, BoxSecret, Key, padded_size, seal_in_box, words};
use crate::rng::Rng;
use ashore_protocol::codec::{Bytes, encode};
use ashore_protocol::ids::{DeviceId, Epoch, GroupId};
use ashore_protocol::keys::KemKey;
use ashore_protocol::request::SignedRequest;
use ashore_protocol::sign::Signature;
use minicbor::{Decode, Encode};

/// What HPKE's `info` begins with; the group's id follows.
const NAME_INFO: &[u8] = b"ashore 1 join request name";
/// What the key in tickets grows from, for one epoch's key.
const TICKET_CONTEXT: &str = "ashore 2026-11 ticket key v1";
/// What the words are taken from.
const WORDS_CONTEXT: &str = "ashore 2026-11 join request words v1";

/// The secret half of the key that tickets of this epoch carry: every member has it.
pub fn ticket_secret(epoch_key: &Key) -> BoxSecret {
    BoxSecret::grown_from(&epoch_key.derive(TICKET_CONTEXT))
}

/// The place that the name of an asking device is bound to.
#[derive(Clone, Copy, Debug, Encode)]
#[cbor(array)]
pub struct NamePlace {
    /// The group that is asked.
    #[n(0)]
    pub group: GroupId,
    /// Who asks.
    #[n(1)]
    pub device: DeviceId,
    /// The epoch in the ticket.
    #[n(2)]
    pub epoch: Epoch,
}

impl NamePlace {
    fn info(&self) -> Vec<u8> {
        [NAME_INFO, self.group.as_bytes()].concat()
    }

    /// The introduction, for members alone. Its size says little. `None` when the ticket's key is none.
    pub fn seal(&self, said: &Introduction, ticket_key: &[u8; BOX_KEY_BYTES], rng: &mut Rng) -> Option<Vec<u8>> {
        let mut plain = u16::try_from(said.name.len()).ok()?.to_be_bytes().to_vec();
        plain.extend_from_slice(said.name.as_bytes());
        plain.resize(padded_size(plain.len()), 0);
        // With and without a mark it is as large.
        plain.extend_from_slice(&said.mark.map_or(NO_MARK, |mark| mark.0));
        seal_in_box(ticket_key, &self.info(), &encode(self), &plain, rng)
    }

    /// What [`NamePlace::seal`] sealed, with the secret that grows from the epoch's key.
    pub fn open(&self, epoch_key: &Key, sealed: &[u8]) -> Option<Introduction> {
        let plain = ticket_secret(epoch_key).open(&self.info(), &encode(self), sealed).ok()?;
        let (size, rest) = plain.split_first_chunk::<2>()?;
        let name = rest.get(..usize::from(u16::from_be_bytes(*size)))?;
        // A version before marks has nothing behind the padded name.
        let mark = plain.get(padded_size(size.len() + name.len())..).and_then(<[u8]>::first_chunk::<64>);
        let mark = mark.filter(|mark| **mark != NO_MARK);
        Some(Introduction { name: String::from_utf8(name.to_vec()).ok()?, mark: mark.map(|mark| Signature(*mark)) })
    }
}

/// What an asking device says to members of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// The name that it would go by.
    pub name: String,
    /// The mark of the invite that it came with; see [`super::Marked`].
    pub mark: Option<Signature>,
}

/// What stands in the place of a mark where there is none.
const NO_MARK: [u8; 64] = [0; 64];

/// Six words that are the same on two devices if both mean the same group, device and key; none when there is no memory for them.
pub fn request_words(group: GroupId, device: DeviceId, kem: &KemKey) -> Vec<String> {
    let all = [group.as_bytes().as_slice(), device.as_bytes(), kem.as_bytes()].concat();
    let (salt, _) = group.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    words(&blake3::derive_key(WORDS_CONTEXT, &all), salt).into_iter().map(str::to_owned).collect()
}

/// How a request of this device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum AskingStand {
    /// It waits for an admin, or for a relay to take it.
    #[n(0)]
    Pending,
    /// An admin has said no.
    #[n(1)]
    Rejected,
    /// This device is in the group by it.
    #[n(2)]
    Admitted,
    /// The relay does not take it.
    #[n(3)]
    Refused,
    /// The app has taken it back, which the relay does not know yet.
    #[n(4)]
    Withdrawing,
}

/// The row of this device's request.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AskingState {
    /// Which group is asked.
    #[n(0)]
    pub group: GroupId,
    /// The asking device's [`super::Secrets`], sealed; empty once they are of no use here.
    #[n(1)]
    pub secrets: Bytes,
    /// As it goes to the relay.
    #[n(2)]
    pub asks: SignedRequest,
    /// How it stands.
    #[n(3)]
    pub stand: AskingStand,
    /// The relay has it.
    #[n(4)]
    pub delivered: bool,
    /// The app has switched sync off: it waits.
    #[n(5)]
    pub paused: bool,
    /// Its words.
    #[n(6)]
    pub words: Vec<String>,
    /// Why the relay does not take it: the code's text.
    #[n(7)]
    pub code: Option<String>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ashore_protocol::keys::KEM_KEY_BYTES;
    use proptest::prelude::{any, prop_assert, proptest};

    const PLACE: NamePlace = NamePlace { group: GroupId([1; 32]), device: DeviceId([2; 32]), epoch: Epoch(3) };

    #[test]
    fn a_name_opens_for_members_in_its_place_only() {
        let mut rng = Rng::seeded([9; 32]);
        let key = Key::random(&mut rng);
        let named = |name: &str| Introduction { name: name.to_owned(), mark: None };
        let to = ticket_secret(&key).public();
        let sealed = PLACE.seal(&named("Bob's phone"), &to, &mut rng).unwrap();
        assert_eq!(PLACE.open(&key, &sealed).unwrap(), named("Bob's phone"));
        assert_eq!(PLACE.open(&Key::random(&mut rng), &sealed), None);
        let others = [
            NamePlace { group: GroupId([8; 32]), ..PLACE },
            NamePlace { device: DeviceId([8; 32]), ..PLACE },
            NamePlace { epoch: Epoch(8), ..PLACE },
        ];
        assert!(others.iter().all(|other| other.open(&key, &sealed).is_none()));
        let longest = PLACE.seal(&named(&"é".repeat(128)), &to, &mut rng).unwrap();
        assert_eq!(PLACE.open(&key, &longest).unwrap().name.len(), 256);
        let short = PLACE.seal(&named("B"), &to, &mut rng).unwrap();
        assert_eq!(short.len(), sealed.len(), "short names look alike");
        let marked = Introduction { mark: Some(Signature([5; 64])), ..named("B") };
        let with_mark = PLACE.seal(&marked, &to, &mut rng).unwrap();
        assert_eq!(PLACE.open(&key, &with_mark).unwrap(), marked);
        assert_eq!(with_mark.len(), short.len(), "with a mark and without look alike");
    }

    #[test]
    fn what_a_version_before_marks_sealed_opens() {
        let mut rng = Rng::seeded([9; 32]);
        let key = Key::random(&mut rng);
        for name in ["Bob", &*"b".repeat(62), &*"b".repeat(190)] {
            let mut plain = u16::try_from(name.len()).unwrap().to_be_bytes().to_vec();
            plain.extend_from_slice(name.as_bytes());
            plain.resize(padded_size(plain.len()), 0);
            let to = ticket_secret(&key).public();
            let sealed = seal_in_box(&to, &PLACE.info(), &encode(&PLACE), &plain, &mut rng).unwrap();
            let opened = PLACE.open(&key, &sealed).unwrap();
            assert_eq!(opened, Introduction { name: name.to_owned(), mark: None });
        }
    }

    #[test]
    fn the_words_change_with_the_group_the_device_and_the_key() {
        let kem = |byte| KemKey::from_slice(&[byte; KEM_KEY_BYTES]).unwrap();
        let of = |group, device, key| request_words(GroupId([group; 32]), DeviceId([device; 32]), &kem(key)).join(" ");
        let words = of(1, 2, 3);
        assert_eq!(words, "harsh cloud female critic dad useless", "the same for ever");
        assert!([of(9, 2, 3), of(1, 9, 3), of(1, 2, 9)].iter().all(|others| *others != words));
    }

    proptest! {
        #[test]
        fn whatever_somebody_sealed_opens_or_does_not(plain in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut rng = Rng::seeded([9; 32]);
            let key = Key::random(&mut rng);
            let to = ticket_secret(&key).public();
            let sealed = seal_in_box(&to, &PLACE.info(), &encode(&PLACE), &plain, &mut rng).unwrap();
            if let Some(said) = PLACE.open(&key, &sealed) {
                prop_assert!(said.name.len() + 2 <= plain.len());
            }
        }
    }
}
