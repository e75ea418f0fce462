//! `hostile-member <now in ms>` prints as JSON everything that a hostile member of a group of its own sends: the group with an invite, and entries of
//! which one makes Automerge panic. For the end-to-end test that shows what a browser makes of it; bytes are hexadecimal.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a tool for a test")]

use ashore_engine::crypto::{Key, plan_payload};
use ashore_engine::document::edit::{Actor, create};
use ashore_engine::document::json;
use ashore_engine::group::{DATA_CONTEXT, DataPayload, DocumentChange, Invitation};
use ashore_engine::rng::Rng;
use ashore_fuzz::targets::members;
use ashore_protocol::codec::{Bytes, encode};
use ashore_protocol::hash::entry_id;
use ashore_protocol::invite::InviteCode;
use ashore_protocol::{EntryDraft, EntryId, EntryKind, Epoch, GroupId, Timestamp};
use data_encoding::HEXLOWER;
use minicbor::Encoder;

/// A whole document that Automerge 0.12 panics of when it loads it.
const CRASHING: &[u8] = include_bytes!("../../../engine/testdata/hostile/change-graph-loads.automerge");
const EPOCH_KEY: [u8; 32] = [0x21; 32];

fn main() {
    let now: u64 = std::env::args().nth(1).and_then(|word| word.parse().ok()).expect("the time in milliseconds");
    let mut rng = Rng::seeded([0x42; 32]);
    let genesis = members::genesis();
    let group = GroupId::from(entry_id(&genesis));
    let expires = now + 600_000;
    let mut payload = Vec::new();
    let mut to = Encoder::new(&mut payload);
    to.array(6).unwrap().u8(1).unwrap().bytes(&members::key(5).invite_key().0).unwrap().u8(1).unwrap();
    to.u64(expires).unwrap().u32(1).unwrap().bytes(b"").unwrap();
    let founded = EntryId::from(group);
    let invite = members::entry(&members::key(0), Some(group), &[founded], EntryKind::Control, &payload).unwrap();
    let code = InviteCode::from_random([0x37; 10]);
    let invitation = Invitation {
        group,
        invite: entry_id(&invite),
        invite_seed: *members::key(5).to_seed(),
        epoch: 0,
        epoch_key: EPOCH_KEY,
        expires_at: Timestamp::from_ms(expires),
        begun_by: None,
    };
    let mut data = |parent: EntryId, id: &str, chunks: &[u8]| {
        let change = DocumentChange { collection: "notes".into(), id: id.into(), chunks: Bytes(chunks.to_vec()) };
        let plan = plan_payload(&encode(&DataPayload { changes: vec![change], writers: None, buried: None }));
        let (key, size) = (members::key(0), plan.sealed_size());
        let draft = EntryDraft::new(Some(group), key.device_id(), [parent], Epoch(0), EntryKind::Data, size).unwrap();
        let sealed = plan.seal(&Key::new(EPOCH_KEY).derive(DATA_CONTEXT), draft.header_bytes(), &mut rng);
        draft.sign(&key, sealed).unwrap()
    };
    let good = create(&json::parse_one(r#"{"title":"good"}"#).unwrap(), Actor([7; 16]), now).unwrap().change;
    let before = data(entry_id(&invite), "before", &good);
    let crashing = data(before.id(), "victim", CRASHING);
    let beside = data(before.id(), "beside", &good);
    let behind = data(crashing.id(), "behind", &good);
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    let entries = [&before, &crashing, &beside, &behind].map(|entry| hex(entry.encoded()));
    let said = serde_json::json!({
        "seed": hex(&*members::key(0).to_seed()),
        "device": hex(&members::key(0).device_id().0),
        "group": hex(&group.0),
        "controls": [hex(&genesis), hex(&invite)],
        "place": hex(&code.place().0),
        "expires": expires,
        "sealed": hex(&invitation.seal(&code, &mut rng)),
        "code": code.to_string(),
        "entries": entries,
        "crashing": crashing.id().to_string(),
    });
    println!("{said}");
}
