//! Entries as devices write them, with payloads that nobody opens.

use ashore_protocol::codec::Bytes;
use ashore_protocol::control::{Control, JoinProof, Role};
use ashore_protocol::frame::{ClientFrame, PageSize, RequestId};
use ashore_protocol::{Cursor, EntryDraft, EntryId, EntryKind, Epoch, GroupId, SigningKey, Timestamp, VerifiedEntry};

/// The number of every request: one is under way at a time.
pub const REQUEST: RequestId = RequestId(1);

/// A device's key.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// One of many devices' keys.
pub fn numbered_key(number: u32) -> SigningKey {
    let mut seed = [77; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_seed(&seed)
}

/// The frame that appends these entries.
pub fn append(group: GroupId, entries: &[&VerifiedEntry]) -> ClientFrame {
    let entries = entries.iter().map(|entry| Bytes(entry.encoded().to_vec())).collect();
    ClientFrame::Append { request: REQUEST, group, entries }
}

/// The frame that opens a group from the beginning of its log.
pub fn open(group: GroupId) -> ClientFrame {
    let page = PageSize::default();
    ClientFrame::Open { request: REQUEST, group, log: None, cursor: Cursor::ZERO, prefix: None, page }
}

/// The first entry of a group.
pub fn found(founder: &SigningKey) -> VerifiedEntry {
    let control =
        Control::Genesis { created_at: Timestamp::from_ms(1), nonce: [0; 16], sealed: Bytes::default(), kem: None };
    control.sign(founder, None, [], Epoch(0)).unwrap()
}

/// The entries by which an admin lets another device in.
pub fn admit(admin: &SigningKey, other: &SigningKey, group: GroupId) -> [VerifiedEntry; 2] {
    let mut entries = admit_all(admin, std::slice::from_ref(other), group);
    let join = entries.pop().unwrap();
    [entries.pop().unwrap(), join]
}

/// The entries by which an admin lets other devices in: one invite, then the join of each.
pub fn admit_all(admin: &SigningKey, others: &[SigningKey], group: GroupId) -> Vec<VerifiedEntry> {
    let secret = key(200);
    let (expires_at, joined_at) = (Timestamp::from_ms(u64::MAX), Timestamp::from_ms(2));
    let (role, uses) = (Role::Writer, u32::try_from(others.len()).unwrap());
    let invite = Control::Invite { invite_key: secret.invite_key(), role, expires_at, uses, sealed: Bytes::default() };
    let invite = invite.sign(admin, Some(group), [EntryId::from(group)], Epoch(0)).unwrap();
    let mut entries = vec![invite.clone()];
    for other in others {
        let proof = JoinProof { group, device: other.device_id(), invite: invite.id(), joined_at }.sign(&secret);
        let join = Control::Join { invite: invite.id(), joined_at, proof, sealed: Bytes::default(), kem: None };
        entries.push(join.sign(other, Some(group), [invite.id()], Epoch(0)).unwrap());
    }
    entries
}

/// An entry with this payload.
pub fn write(author: &SigningKey, group: GroupId, payload: Vec<u8>) -> VerifiedEntry {
    let parent = EntryId::from(group);
    let draft = EntryDraft::new(Some(group), author.device_id(), [parent], Epoch(0), EntryKind::Data, payload.len());
    draft.unwrap().sign(author, payload).unwrap()
}
