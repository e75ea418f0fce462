//! The keys of a group's epochs: which a device holds, how one is wrapped for a member, and how earlier ones go with a new one.
//!
//! Rotations that were made at the same time give one number to several epochs. So a key is known by the number and by the entry that
//! began it; what was sealed under a number is tried with each of its keys, in the order of those entries' ids.

use crate::crypto::{KemSecret, Key, WrapError, open, seal, unwrap_key, wrap_key};
use crate::rng::Rng;
use ashore_protocol::codec::{decode, encode};
use ashore_protocol::ids::{DeviceId, EntryId, Epoch, GroupId};
use ashore_protocol::keys::{KemKey, Recipient};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What HPKE's `info` begins with; the group's id follows.
const WRAP_INFO: &[u8] = b"ashore 1 epoch key";

/// What the key of earlier epochs' keys is derived for.
const EARLIER_CONTEXT: &str = "ashore 2026-11 earlier epoch keys v1";

/// The most keys that go with a new one, the latest: they fit its entry beside [`ashore_protocol::keys::MAX_WRAPS`] wraps.
pub const MAX_EARLIER: usize = 2_000;

/// The keys that a device was given, by the number of their epoch and the entry that began it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochKeys(BTreeMap<u32, BTreeMap<EntryId, Key>>);

impl EpochKeys {
    /// Takes the key that was given for this epoch itself: what was known before by hearsay makes way. `true` if that is news.
    pub fn insert(&mut self, epoch: Epoch, begun_by: EntryId, key: Key) -> bool {
        let before = self.0.entry(epoch.0).or_default().insert(begun_by, key.clone());
        before != Some(key)
    }

    /// Takes a key that somebody else says to be this epoch's, unless one is known. `true` if that is news.
    pub fn insert_unknown(&mut self, epoch: Epoch, begun_by: EntryId, key: Key) -> bool {
        let known = self.get(epoch, &begun_by).is_some();
        !known && self.insert(epoch, begun_by, key)
    }

    /// The key of the epoch that this entry began.
    pub fn get(&self, epoch: Epoch, begun_by: &EntryId) -> Option<&Key> {
        self.0.get(&epoch.0)?.get(begun_by)
    }

    /// The keys of all epochs of this number, in the order of the entries that began them.
    pub fn of(&self, epoch: Epoch) -> impl Iterator<Item = &Key> {
        self.0.get(&epoch.0).into_iter().flat_map(BTreeMap::values)
    }

    /// All of them: number, entry, key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Epoch, &EntryId, &Key)> {
        self.0.iter().flat_map(|(epoch, keys)| keys.iter().map(|(begun_by, key)| (Epoch(*epoch), begun_by, key)))
    }
}

/// The entry in which keys are wrapped: what they are bound to.
#[derive(Clone, Copy, Debug)]
pub struct Wrapping {
    /// The group.
    pub group: GroupId,
    /// The epoch whose key it is.
    pub epoch: Epoch,
    /// Who writes the entry.
    pub author: DeviceId,
}

#[derive(Encode)]
#[cbor(array)]
struct Place {
    #[n(0)]
    group: GroupId,
    #[n(1)]
    epoch: Epoch,
    #[n(2)]
    author: DeviceId,
    #[n(3)]
    to: Option<Recipient>,
}

/// A key of an earlier epoch, inside the entry that begins a later one.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(array)]
struct EarlierKey {
    #[n(0)]
    epoch: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    begun_by: [u8; 32],
    #[cbor(n(2), with = "minicbor::bytes")]
    key: [u8; 32],
}

impl Wrapping {
    fn info(&self) -> Vec<u8> {
        [WRAP_INFO, self.group.as_bytes()].concat()
    }

    fn place(&self, to: Option<Recipient>) -> Vec<u8> {
        encode(&Place { group: self.group, epoch: self.epoch, author: self.author, to })
    }

    /// The epoch's key for this recipient alone.
    pub fn wrap(&self, to: Recipient, kem: &KemKey, key: &Key, rng: &mut Rng) -> Result<Vec<u8>, WrapError> {
        wrap_key(kem, &self.info(), &self.place(Some(to)), key, rng)
    }

    /// What [`Wrapping::wrap`] wrapped for us.
    pub fn unwrap(&self, to: Recipient, secret: &KemSecret, sealed: &[u8]) -> Result<Key, WrapError> {
        unwrap_key(secret, &self.info(), &self.place(Some(to)), sealed)
    }

    /// The keys that came before, sealed under the new one: whoever has it reads the history too.
    pub fn seal_earlier(&self, key: &Key, earlier: &EpochKeys, rng: &mut Rng) -> Vec<u8> {
        let mut keys: Vec<EarlierKey> = earlier
            .iter()
            .rev()
            .take(MAX_EARLIER)
            .map(|(epoch, begun_by, key)| EarlierKey { epoch: epoch.0, begun_by: begun_by.0, key: *key.expose() })
            .collect();
        keys.reverse();
        let plain = Zeroizing::new(encode(&keys));
        seal(&key.derive(EARLIER_CONTEXT), &self.place(None), &plain, rng)
    }

    /// What [`Wrapping::seal_earlier`] sealed: by the word of whoever sealed it. Nothing when it does not open.
    pub fn open_earlier(&self, key: &Key, sealed: &[u8]) -> Option<Vec<(Epoch, EntryId, Key)>> {
        let plain = Zeroizing::new(open(&key.derive(EARLIER_CONTEXT), &self.place(None), sealed).ok()?);
        let keys: Vec<EarlierKey> = decode(&plain).ok()?;
        Some(keys.iter().map(|each| (Epoch(each.epoch), EntryId(each.begun_by), Key::new(each.key))).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn place(epoch: u32) -> Wrapping {
        Wrapping { group: GroupId([1; 32]), epoch: Epoch(epoch), author: DeviceId([2; 32]) }
    }

    #[test]
    fn a_wrapped_epoch_key_is_for_one_recipient_in_one_entrys_place() {
        let mut rng = Rng::seeded([1; 32]);
        let (secret, key) = (KemSecret::random(&mut rng).unwrap(), Key::random(&mut rng));
        let me = Recipient([3; 32]);
        let wrapped = place(4).wrap(me, &secret.public().unwrap(), &key, &mut rng).unwrap();
        assert_eq!(place(4).unwrap(me, &secret, &wrapped).unwrap(), key);
        assert!(place(5).unwrap(me, &secret, &wrapped).is_err());
        assert!(place(4).unwrap(Recipient([4; 32]), &secret, &wrapped).is_err());
        let other_author = Wrapping { author: DeviceId([9; 32]), ..place(4) };
        assert!(other_author.unwrap(me, &secret, &wrapped).is_err());
        let other_group = Wrapping { group: GroupId([9; 32]), ..place(4) };
        assert!(other_group.unwrap(me, &secret, &wrapped).is_err());
    }

    #[test]
    fn earlier_keys_open_with_the_new_one_and_with_no_other() {
        let mut rng = Rng::seeded([2; 32]);
        let mut keys = EpochKeys::default();
        assert!(keys.insert(Epoch(0), EntryId([1; 32]), Key::random(&mut rng)));
        assert!(keys.insert(Epoch(1), EntryId([3; 32]), Key::random(&mut rng)));
        assert!(keys.insert(Epoch(1), EntryId([2; 32]), Key::random(&mut rng)));
        let new = Key::random(&mut rng);
        let sealed = place(2).seal_earlier(&new, &keys, &mut rng);
        let mut opened = EpochKeys::default();
        for (epoch, begun_by, key) in place(2).open_earlier(&new, &sealed).unwrap() {
            assert!(opened.insert_unknown(epoch, begun_by, key.clone()));
            assert!(!opened.insert_unknown(epoch, begun_by, Key::new([9; 32])));
        }
        assert_eq!(opened, keys);
        assert!(place(2).open_earlier(&Key::random(&mut rng), &sealed).is_none());
        assert!(place(3).open_earlier(&new, &sealed).is_none());
        assert!(place(2).open_earlier(&new, b"noise").is_none());
    }

    #[test]
    fn as_many_earlier_keys_as_fit_go_with_a_new_one() {
        let mut rng = Rng::seeded([3; 32]);
        let mut keys = EpochKeys::default();
        for epoch in 0..3_000 {
            keys.insert(Epoch(epoch), EntryId([1; 32]), Key::new([7; 32]));
        }
        let new = Key::random(&mut rng);
        let sealed = place(3_000).seal_earlier(&new, &keys, &mut rng);
        let opened = place(3_000).open_earlier(&new, &sealed).unwrap();
        let largest = ashore_protocol::keys::MAX_WRAPS * (crate::crypto::WRAPPED_BYTES + 48) + sealed.len() + 128;
        assert!(largest <= ashore_protocol::limits::MAX_PAYLOAD_BYTES as usize, "{largest}");
        assert_eq!((opened.len(), opened.last().unwrap().0), (MAX_EARLIER, Epoch(2_999)));
    }
}
