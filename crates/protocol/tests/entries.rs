//! Entries from outside: only the one form, the true author and the stated size get through.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_protocol::codec::{self, CodecError};
use ashore_protocol::control::{Control, ControlError};
use ashore_protocol::{Entry, EntryDraft, EntryError, EntryId, EntryKind, Epoch, GroupId, SigningKey, VerifiedEntry};
use proptest::prelude::*;

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn entry(payload: &[u8]) -> VerifiedEntry {
    let (group, parents) = (Some(GroupId([2; 32])), [EntryId([9; 32]), EntryId([3; 32]), EntryId([9; 32])]);
    let draft = EntryDraft::new(group, key().device_id(), parents, Epoch(4), EntryKind::Data, payload.len()).unwrap();
    draft.sign(&key(), payload.to_vec()).unwrap()
}

#[test]
fn an_entry_decodes_to_what_was_signed() {
    let written = entry(b"payload");
    let read = VerifiedEntry::decode(written.encoded()).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.parents(), [EntryId([3; 32]), EntryId([9; 32])], "sorted, once each");
    assert_eq!((read.payload(), read.epoch(), read.author()), (b"payload".as_slice(), Epoch(4), key().device_id()));
    assert_eq!(read.header_bytes(), Entry::decode(written.encoded()).unwrap().header_bytes());
}

#[test]
fn an_entry_in_other_bytes_than_its_own_is_refused() {
    let good = entry(b"payload").into_encoded();
    let mut longer = good.clone();
    longer.push(0);
    assert!(matches!(Entry::decode(&longer), Err(EntryError::Codec(CodecError::Trailing(1)))));
    // The same array, its head in two bytes.
    let wide = [&[0x98, 3], &good[1..]].concat();
    assert_eq!(Entry::decode(&wide), Err(EntryError::Codec(CodecError::NotCanonical)));
    // The payload's head in two bytes.
    let place = good.windows(7).position(|window| window == b"payload").unwrap();
    let wide = [&good[..place - 1], &[0x58, 7], &good[place..]].concat();
    assert_eq!(Entry::decode(&wide), Err(EntryError::Codec(CodecError::NotCanonical)));
}

#[test]
fn a_header_in_other_bytes_than_its_own_is_refused() {
    let good = entry(b"p").header_bytes().to_vec();
    assert!(ashore_protocol::Header::parse(&good).is_ok());
    // The epoch 4 in two bytes, and a field too many.
    let epoch = good.len() - 3;
    let wide = [&good[..epoch], &[0x18, 4], &good[epoch + 1..]].concat();
    let mut extra = [good.as_slice(), &[0]].concat();
    extra[0] += 1;
    for bytes in [wide, extra] {
        let refused = ashore_protocol::Header::parse(&bytes);
        assert_eq!(refused, Err(EntryError::Codec(CodecError::NotCanonical)), "{bytes:02x?}");
    }
    let mut newer = good;
    newer[1] = 2;
    assert_eq!(ashore_protocol::Header::parse(&newer), Err(EntryError::UnsupportedVersion(2)));
}

/// A relay says of it `relay.unsupported-entry` and a device `entry.newer-format`, not that somebody forged it.
#[test]
fn an_entry_of_a_newer_version_or_kind_is_told_from_one_that_nobody_may_write() {
    let good = entry(b"payload");
    let header = good.header_bytes();
    // Version, group, author, parents, epoch, kind and the payload's size, which is 7.
    let (version, kind) = (1, header.len() - 2);
    for (place, number, error) in
        [(version, 2, EntryError::UnsupportedVersion(2)), (kind, 5, EntryError::UnsupportedKind(5))]
    {
        let mut newer = header.to_vec();
        newer[place] = number;
        let bytes = [&good.encoded()[..3], &newer, &good.encoded()[3 + header.len()..]].concat();
        assert_eq!(good.encoded()[..3], [0x83, 0x58, header.len() as u8]);
        assert!(error.is_of_newer_version());
        assert_eq!(VerifiedEntry::decode(&bytes), Err(error));
    }
    let mut forged = good.encoded().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    assert!(!VerifiedEntry::decode(&forged).unwrap_err().is_of_newer_version());
}

/// Old kinds stay, and what a newer version says more it says by another kind or version.
#[test]
fn nothing_is_added_to_what_is_hashed_or_signed() {
    let leave = codec::encode(&Control::Leave {});
    assert_eq!((Control::parse(&leave), leave.as_slice()), (Ok(Control::Leave {}), &[0x81, 6][..]));
    assert!(matches!(Control::parse(&[0x82, 6, 0xf5]), Err(ControlError::Codec(_))));
    let mut revoke = codec::encode(&Control::Revoke { invite: EntryId([1; 32]) });
    revoke[0] += 1;
    revoke.push(0xf5);
    assert_eq!(Control::parse(&revoke), Err(ControlError::Codec(CodecError::NotCanonical)));
    assert_eq!(Control::parse(&[0x82, 12, 0xf5]), Err(ControlError::Unsupported(12)));
}

#[test]
fn headers_that_contradict_their_kind_are_not_written() {
    let draft = |group, parents: &[EntryId], kind, size| {
        EntryDraft::new(group, key().device_id(), parents.iter().copied(), Epoch(0), kind, size).map(drop)
    };
    let (group, parent) = (Some(GroupId([2; 32])), [EntryId([2; 32])]);
    let many: Vec<EntryId> = (0..33).map(|n| EntryId([n; 32])).collect();
    assert_eq!(draft(group, &parent, EntryKind::Data, 1), Ok(()));
    assert_eq!(draft(None, &parent, EntryKind::Data, 1), Err(EntryError::Kind));
    assert_eq!(draft(group, &[], EntryKind::Genesis, 1), Err(EntryError::Kind));
    assert_eq!(draft(group, &[], EntryKind::Data, 1), Err(EntryError::Parents));
    assert_eq!(draft(None, &parent, EntryKind::Genesis, 1), Err(EntryError::Parents));
    assert_eq!(draft(group, &many, EntryKind::Data, 1), Err(EntryError::Parents));
    assert_eq!(draft(group, &many[..32], EntryKind::Data, 1), Ok(()));
    assert!(matches!(draft(group, &parent, EntryKind::Data, (1 << 20) + 1), Err(EntryError::TooLarge { .. })));
}

#[test]
fn only_the_author_signs_and_only_the_stated_payload() {
    let draft =
        || EntryDraft::new(Some(GroupId([2; 32])), key().device_id(), [EntryId([2; 32])], Epoch(0), EntryKind::Data, 3);
    let other = SigningKey::from_seed(&[8; 32]);
    assert_eq!(draft().unwrap().sign(&other, vec![0; 3]), Err(EntryError::Signature));
    let refused = draft().unwrap().sign(&key(), vec![0; 4]);
    assert_eq!(refused, Err(EntryError::PayloadSize { stated: 3, actual: 4 }));
}

proptest! {
    #[test]
    fn any_changed_byte_is_noticed(at in any::<prop::sample::Index>(), mask in 1u8..) {
        let good = entry(b"a payload of some length");
        let mut bytes = good.encoded().to_vec();
        let index = at.index(bytes.len());
        bytes[index] ^= mask;
        prop_assert!(VerifiedEntry::decode(&bytes).is_err());
    }

    #[test]
    fn every_payload_comes_back(payload in prop::collection::vec(any::<u8>(), 0..70_000)) {
        let written = entry(&payload);
        let read = VerifiedEntry::decode(written.encoded()).unwrap();
        prop_assert_eq!(read.payload(), &payload[..]);
        prop_assert_eq!(read.id(), written.id());
    }
}
