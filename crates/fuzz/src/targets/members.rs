//! The control chain: a program writes control entries of several devices, with parents and references right, forged or far away. Whatever they
//! are, every order of the same entries gives the same members.
//!
//! Payloads are written as CBOR, not through [`ashore_protocol::Control`]: so kinds that this version does not know are tried, too.

use crate::program::Program;
use ashore_protocol::control::JoinProof;
use ashore_protocol::hash::entry_digest;
use ashore_protocol::sign::Domain;
use ashore_protocol::{
    EntryDraft, EntryId, EntryKind, Epoch, GroupId, Membership, SigningKey, Timestamp, VerifiedEntry,
};
use minicbor::Encoder;

const DEVICES: u8 = 5;
const MAX_ENTRIES: usize = 24;
/// Of an X-Wing public key.
const KEM_KEY_BYTES: usize = 1_216;

/// The key of one of the devices; from [`DEVICES`] on they are keys of invites.
pub fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&[number + 1; 32])
}

/// An entry with any payload, signed by its author.
pub fn entry(
    author: &SigningKey,
    group: Option<GroupId>,
    parents: &[EntryId],
    kind: EntryKind,
    payload: &[u8],
) -> Option<Vec<u8>> {
    let draft = EntryDraft::new(group, author.device_id(), parents.to_vec(), Epoch(0), kind, payload.len()).ok()?;
    let signature = author.sign(Domain::Entry, &entry_digest(draft.header_bytes(), payload));
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes)
        .array(3)
        .ok()?
        .bytes(draft.header_bytes())
        .ok()?
        .bytes(payload)
        .ok()?
        .bytes(&signature.0)
        .ok()?;
    Some(bytes)
}

/// The first entry of the group that the first device founds.
pub fn genesis() -> Vec<u8> {
    let mut payload = Vec::new();
    Encoder::new(&mut payload)
        .array(4)
        .unwrap()
        .u8(0)
        .unwrap()
        .u64(1)
        .unwrap()
        .bytes(&[9; 16])
        .unwrap()
        .bytes(b"name")
        .unwrap();
    entry(&key(0), None, &[], EntryKind::Genesis, &payload).unwrap()
}

/// Writes entries as the program says and looks at them in several orders.
pub fn run(data: &[u8]) {
    let program = &mut Program::new(data);
    let genesis = VerifiedEntry::decode(&genesis()).unwrap();
    let group = genesis.group();
    let mut entries = vec![genesis];
    while !program.is_over() && entries.len() < MAX_ENTRIES {
        let known: Vec<EntryId> = entries.iter().map(VerifiedEntry::id).collect();
        let Some(bytes) = one(program, group, &known) else { continue };
        // What this version does not know is no entry for it.
        entries.extend(VerifiedEntry::decode(&bytes));
    }
    let rule = Membership::resolve(group, &entries);
    let mut orders: Vec<Vec<&VerifiedEntry>> = vec![entries.iter().rev().collect()];
    for salt in 0..3_u8 {
        let mut order: Vec<&VerifiedEntry> = entries.iter().collect();
        order.sort_by_key(|entry| blake3::hash(&[&entry.id().0[..], &[salt]].concat()).as_bytes().to_owned());
        orders.push(order);
    }
    for order in orders {
        let other = Membership::resolve(group, order.iter().copied());
        assert_eq!(other.refused, rule.refused, "the same entries are refused in every order");
        assert!(other.membership.members().eq(rule.membership.members()), "every order gives the same members");
        arrive(group, &order);
    }
    // Whoever comes twice is there once.
    let twice = Membership::resolve(group, entries.iter().chain(&entries));
    assert!(twice.membership.members().eq(rule.membership.members()), "an entry that comes twice changes nothing");
}

/// One after another, as they come at a relay.
fn arrive(group: GroupId, order: &[&VerifiedEntry]) {
    let mut membership = Membership::new(group);
    for entry in order {
        let before: Vec<_> = membership.members().map(|(device, _)| *device).collect();
        if membership.apply(entry).is_err() {
            assert!(membership.members().map(|(device, _)| *device).eq(before), "what is refused changes nothing");
        }
    }
    // What was judged by what was there is what comes of all of them at once.
    let kept = order.iter().copied().filter(|entry| membership.has_taken_in(&entry.id()));
    assert_eq!(membership, Membership::resolve(group, kept).membership, "one by one or all at once");
    for (device, member) in membership.members() {
        assert_eq!(membership.may_admit(device), member.role == ashore_protocol::Role::Admin);
        assert!(membership.may_read(device));
    }
}

/// One control entry.
fn one(program: &mut Program<'_>, group: GroupId, known: &[EntryId]) -> Option<Vec<u8>> {
    let kind = program.below(12) as u8;
    let author = program.below(usize::from(DEVICES)) as u8;
    let mut parents: Vec<EntryId> = (0..=program.below(3)).map(|_| some_entry(program, known)).collect();
    let named = some_entry(program, known);
    // A join that does not name its invite is refused at once: mostly it does.
    if program.byte() < 230 {
        parents.push(named);
    }
    let mut payload = Vec::new();
    payload_of(&mut Encoder::new(&mut payload), kind, program, (group, author, named))?;
    entry(&key(author), Some(group), &parents, EntryKind::Control, &payload)
}

fn some_entry(program: &mut Program<'_>, known: &[EntryId]) -> EntryId {
    match program.byte() {
        250.. => EntryId([program.byte(); 32]),
        at => known[usize::from(at) % known.len()],
    }
}

/// The payload of one kind of control; `None` never happens: a vector takes every byte.
fn payload_of(
    to: &mut Encoder<&mut Vec<u8>>,
    kind: u8,
    program: &mut Program<'_>,
    (group, author, named): (GroupId, u8, EntryId),
) -> Option<()> {
    let device = key(program.below(usize::from(DEVICES)) as u8).device_id();
    let role = program.below(4) as u8;
    let time = program.number() & ((1 << 53) - 1);
    let secret = key(DEVICES + program.below(3) as u8);
    match kind {
        1 => {
            to.array(6).ok()?.u8(1).ok()?.bytes(&secret.invite_key().0).ok()?.u8(role).ok()?.u64(time).ok()?;
            to.u32(program.below(4) as u32).ok()?.bytes(b"note").ok()?;
        }
        2 => {
            let claim = JoinProof {
                group,
                device: key(author).device_id(),
                invite: named,
                joined_at: Timestamp::from_ms(time),
            };
            to.array(5).ok()?.u8(2).ok()?.bytes(&named.0).ok()?.u64(time).ok()?;
            to.bytes(&claim.sign(&secret).0).ok()?.bytes(b"name").ok()?;
        }
        4 => drop(to.array(2).ok()?.u8(4).ok()?.bytes(&device.0).ok()?),
        5 => drop(to.array(3).ok()?.u8(5).ok()?.bytes(&device.0).ok()?.u8(role).ok()?),
        6 => drop(to.array(1).ok()?.u8(6).ok()?),
        8 => drop(to.array(2).ok()?.u8(8).ok()?.bytes(&named.0).ok()?),
        9 => {
            to.array(7).ok()?.u8(9).ok()?.bytes(&device.0).ok()?.u8(role).ok()?.u64(time).ok()?;
            to.bytes(&[3; KEM_KEY_BYTES]).ok()?.bytes(b"name").ok()?.bytes(b"share").ok()?;
        }
        10 => {
            to.array(5).ok()?.u8(10).ok()?.bytes(&device.0).ok()?.u32(program.below(3) as u32).ok()?;
            to.bytes(&named.0).ok()?.bytes(b"share").ok()?;
        }
        11 => {
            to.array(4).ok()?.u8(11).ok()?.bytes(&secret.invite_key().0).ok()?;
            to.bytes(&[3; KEM_KEY_BYTES]).ok()?.bytes(b"share").ok()?;
        }
        7 => {
            to.array(2).ok()?.u8(7).ok()?.array(3).ok()?.u32(program.below(4) as u32).ok()?;
            to.array(1).ok()?.array(2).ok()?.bytes(&device.0).ok()?.bytes(b"wrapped").ok()?.bytes(b"").ok()?;
        }
        other => drop(to.array(2).ok()?.u8(if other == 0 { 3 } else { other }).ok()?.bytes(program.bytes()).ok()?),
    }
    Some(())
}
