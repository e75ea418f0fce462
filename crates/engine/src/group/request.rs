//! What a device that asks to join keeps and seals, and the words by which two people know that it is that device.

use crate::crypto::{BOX_KEY_BYTES, BoxSecret, Key, padded_size, seal_in_box, words};
use crate::rng::Rng;
use ashore_protocol::codec::{Bytes, encode};
use ashore_protocol::ids::{DeviceId, Epoch, GroupId};
use ashore_protocol::keys::KemKey;
use ashore_protocol::request::SignedRequest;
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

    /// The name, for members alone. Its size says little. `None` when the ticket's key is none.
    pub fn seal(&self, name: &str, ticket_key: &[u8; BOX_KEY_BYTES], rng: &mut Rng) -> Option<Vec<u8>> {
        let mut plain = u16::try_from(name.len()).ok()?.to_be_bytes().to_vec();
        plain.extend_from_slice(name.as_bytes());
        plain.resize(padded_size(plain.len()), 0);
        seal_in_box(ticket_key, &self.info(), &encode(self), &plain, rng)
    }

    /// What [`NamePlace::seal`] sealed, with the secret that grows from the epoch's key.
    pub fn open(&self, epoch_key: &Key, sealed: &[u8]) -> Option<String> {
        let plain = ticket_secret(epoch_key).open(&self.info(), &encode(self), sealed).ok()?;
        let (size, rest) = plain.split_first_chunk::<2>()?;
        let name = rest.get(..usize::from(u16::from_be_bytes(*size)))?;
        String::from_utf8(name.to_vec()).ok()
    }
}

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

    const PLACE: NamePlace = NamePlace { group: GroupId([1; 32]), device: DeviceId([2; 32]), epoch: Epoch(3) };

    #[test]
    fn a_name_opens_for_members_in_its_place_only() {
        let mut rng = Rng::seeded([9; 32]);
        let key = Key::random(&mut rng);
        let sealed = PLACE.seal("Bob's phone", &ticket_secret(&key).public(), &mut rng).unwrap();
        assert_eq!(PLACE.open(&key, &sealed).unwrap(), "Bob's phone");
        assert_eq!(PLACE.open(&Key::random(&mut rng), &sealed), None);
        let others = [
            NamePlace { group: GroupId([8; 32]), ..PLACE },
            NamePlace { device: DeviceId([8; 32]), ..PLACE },
            NamePlace { epoch: Epoch(8), ..PLACE },
        ];
        assert!(others.iter().all(|other| other.open(&key, &sealed).is_none()));
        let longest = PLACE.seal(&"é".repeat(128), &ticket_secret(&key).public(), &mut rng).unwrap();
        assert_eq!(PLACE.open(&key, &longest).unwrap().len(), 256);
        let short = PLACE.seal("B", &ticket_secret(&key).public(), &mut rng).unwrap();
        assert_eq!(short.len(), sealed.len(), "short names look alike");
    }

    #[test]
    fn the_words_change_with_the_group_the_device_and_the_key() {
        let kem = |byte| KemKey::from_slice(&[byte; KEM_KEY_BYTES]).unwrap();
        let of = |group, device, key| request_words(GroupId([group; 32]), DeviceId([device; 32]), &kem(key)).join(" ");
        let words = of(1, 2, 3);
        assert_eq!(words, "harsh cloud female critic dad useless", "the same for ever");
        assert!([of(9, 2, 3), of(1, 9, 3), of(1, 2, 9)].iter().all(|others| *others != words));
    }
}
