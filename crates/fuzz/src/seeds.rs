//! Inputs to begin with: golden bytes, and one program of each kind where a target is a program.

use crate::targets::{chunks, device, messages, queries, rows, sealed, wire};
use ashore_engine::crypto::{Key, open, plan_payload, seal};
use ashore_engine::group::{DataPayload, DocumentChange, Invitation, ProfilePayload, Secrets, opening_key};
use ashore_engine::rng::Rng;
use ashore_protocol::codec::{Bytes, encode};
use ashore_protocol::ids::{EntryId, Epoch, GroupId, Timestamp};
use ashore_protocol::invite::InviteCode;
use data_encoding::HEXLOWER;
use std::path::{Path, PathBuf};

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "wire" => wire_seeds(),
        "sealed" => sealed_plain().into_iter().map(|(kind, plain)| with_kind(kind, &plain)).collect(),
        "rows" => row_seeds(),
        "messages" => message_seeds(),
        "queries" => query_seeds(),
        "chunks" => chunk_seeds(),
        "device" => device_seeds(),
        _ => (0..24_u8).map(|seed| noise(seed, 40 + usize::from(seed) * 20)).collect(),
    }
}

fn with_kind(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [&[kind], bytes].concat()
}

/// Bytes by chance, the same for the same seed.
fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut rng = Rng::seeded([seed; 32]);
    (0..length).map(|_| rng.bytes::<1>()[0]).collect()
}

/// A folder of golden files of another crate.
fn golden(folder: &str) -> Vec<(String, Vec<u8>)> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    let name = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
    files.into_iter().map(|file| (name(&file), std::fs::read(&file).unwrap())).collect()
}

fn wire_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![with_kind(5, b"https://app.example/#join=0123-4567-89AB-CDEF"), with_kind(6, &[b'v'; 52])];
    for (name, text) in golden("protocol/testdata") {
        let Ok(bytes) = HEXLOWER.decode(text.trim_ascii()) else { continue };
        let kind = match name.split('-').next() {
            Some("client") => 0,
            Some("relay") => 1,
            Some("entry") => 2,
            Some("control") => 4,
            Some("peer") => 8,
            _ => continue,
        };
        seeds.push(with_kind(kind, &bytes));
        if kind == 0 {
            seeds.push(with_kind(wire::KINDS - 1, &bytes));
        }
        if let Some(entry) = (kind == 2).then(|| ashore_protocol::Entry::decode(&bytes).unwrap()) {
            seeds.push(with_kind(3, entry.header_bytes()));
        }
    }
    seeds
}

/// What is inside of each seal, with the kind that the target `sealed` knows it by.
pub fn sealed_plain() -> Vec<(u8, Vec<u8>)> {
    let (key, code, rng) = (Key::new([1; 32]), InviteCode::from_random([2; 10]), &mut Rng::seeded([3; 32]));
    let change = chunks::documents()[0].changes[0].clone();
    let change = DocumentChange { collection: "notes".into(), id: "n1".into(), chunks: Bytes(change) };
    let payload = encode(&DataPayload { changes: vec![change], writers: Some(vec![]), buried: None });
    let framed = open(&key, b"", &plan_payload(&payload).seal(&key, b"", rng)).unwrap();
    let long = open(&key, b"", &plan_payload(&[7; 4_000]).seal(&key, b"", rng)).unwrap();
    let invitation = Invitation {
        group: GroupId([1; 32]),
        invite: EntryId([2; 32]),
        invite_seed: [3; 32],
        epoch: 0,
        epoch_key: [4; 32],
        expires_at: Timestamp::from_ms(5),
        begun_by: Some(EntryId([7; 32])),
    };
    let invitation = open(&opening_key(&code), sealed::INVITATION, &invitation.seal(&code, rng)).unwrap();
    let mut secrets = Secrets::generate(rng);
    secrets.epochs.insert(Epoch(0), EntryId([1; 32]), Key::new([6; 32]));
    let secrets = open(&key, sealed::SECRETS, &secrets.seal(&key, rng)).unwrap();
    let profile = encode(&ProfilePayload::of("tablet"));
    let outside = seal(&key, b"header", b"sealed", rng);
    vec![
        (0, payload),
        (1, framed),
        (1, long),
        (2, invitation),
        (3, secrets),
        (4, profile),
        (sealed::KINDS - 1, outside),
    ]
}

fn row_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (name, bytes) in golden("engine/testdata/document") {
        match name.as_str() {
            "row.cbor" => seeds.push(with_kind(0, &bytes)),
            name if name.ends_with(".cbor") => seeds.push(with_kind(1, &bytes)),
            _ => {}
        }
    }
    for stored in chunks::documents() {
        seeds.push(with_kind(0, &stored.row.encode()));
        seeds.push(with_kind(1, &stored.row.value));
        seeds.push(with_kind(rows::KINDS - 1, stored.row.version().to_string().as_bytes()));
    }
    let definitions = golden("engine/testdata/index").into_iter().filter(|(name, _)| name.ends_with(".cbor"));
    seeds.extend(definitions.map(|(_, bytes)| with_kind(2, &bytes)));
    for (key, value) in device::rows() {
        seeds.extend((2..6).map(|kind| with_kind(kind, &value)));
        seeds.push(with_kind(4, &key));
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

/// The golden messages: calls and news, as the engine writes them.
fn golden_messages() -> Vec<(bool, Vec<u8>)> {
    let text = golden("engine/testdata/api").into_iter().find(|(name, _)| name == "messages.json").unwrap().1;
    let messages: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let bytes = |message: &serde_json::Value| HEXLOWER.decode(message["engine"].as_str().unwrap().as_bytes()).unwrap();
    let is_calls = |message: &serde_json::Value| message["name"].as_str().unwrap().starts_with("calls/");
    messages.iter().map(|message| (is_calls(message), bytes(message))).collect()
}

fn message_seeds() -> Vec<Vec<u8>> {
    let messages = golden_messages().into_iter().map(|(calls, bytes)| with_kind(u8::from(!calls), &bytes));
    let document = br#"{"a":[1,-0.5,null,true,{"b":"\ud83d\ude00"}],"$ashore":1,"d":{"$ashore":["date",-1]},"t":{"$ashore":["text","x"]}}"#;
    let documents = [with_kind(2, document), with_kind(messages::KINDS - 1, &[b"[", &document[..], b",{}]"].concat())];
    messages.chain(documents).collect()
}

fn query_seeds() -> Vec<Vec<u8>> {
    let filters = [
        r#"{"a":1,"b":{"$elemMatch":{"c":"x"}},"c.b":{"$regex":"^Z","$options":"i"}}"#,
        r#"{"$or":[{"a":{"$gt":0,"$lte":5}},{"$nor":[{"b":{"$size":4}},{"b":{"$all":[1,2]}}]}],"n":{"$exists":true}}"#,
        r#"{"$and":[{"a":{"$in":[1,"text",null]}},{"c":{"$type":"array"}},{"a":{"$not":{"$mod":[2,1]}}},{"d":{"$ne":{"$ashore":["date",5]}}}]}"#,
        r#"{"c":{"$eq":[]},"b":{"$nin":[7]},"a":{"$startsWith":"te"}}"#,
    ];
    let modifiers = [
        r#"{"$set":{"a.b":1,"x":{"y":[]}},"$unset":{"c":true},"$inc":{"n":2},"$min":{"a":0},"$max":{"a":9}}"#,
        r#"{"$push":{"b":{"$each":[1,2],"$position":0,"$slice":3}},"$pull":{"b":1},"$addToSet":{"c":5},"$pop":{"c":1},"$rename":{"e":"f"},"$mul":{"a":2}}"#,
    ];
    let mut seeds: Vec<Vec<u8>> = filters.iter().map(|text| with_kind(0, text.as_bytes())).collect();
    seeds.extend(modifiers.iter().map(|text| with_kind(1, text.as_bytes())));
    seeds.push(with_kind(2, br#"[["a","desc"],["b.c","asc"]]"#));
    seeds.push(with_kind(2, br#"{"a":-1,"b.c":1}"#));
    seeds.push(with_kind(3, br#"["a","b.c","c"]"#));
    seeds.push(with_kind(queries::KINDS - 1, "milk -bread \"two words\" foo/bar 東京 -\"not this\"".as_bytes()));
    seeds
}

fn chunk_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (into, stored) in (0..).zip(chunks::documents()) {
        for change in &stored.changes {
            seeds.push(with_kind(3, change));
            seeds.push(with_kind(into, change));
        }
        seeds.push(with_kind(3, &stored.changes.concat()));
        let chunks: Vec<&[u8]> = stored.chunks.iter().map(Vec::as_slice).collect();
        seeds.push(with_kind(3, &ashore_engine::document::edit::whole(&chunks).unwrap()));
    }
    // What comes after the first change of the rich document, into it as it was then.
    let rich = &chunks::documents()[2];
    seeds.push(with_kind(1, &rich.changes[1]));
    seeds.push(with_kind(1, &rich.changes[1..].concat()));
    let golden = golden("engine/testdata/document").into_iter().filter(|(name, _)| name.ends_with(".automerge"));
    seeds.extend(golden.map(|(_, bytes)| with_kind(3, &bytes)));
    seeds
}

/// Each golden call in a program of its own.
fn device_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (_, bytes) in golden_messages().into_iter().filter(|(calls, _)| *calls) {
        let length = (bytes.len() as u16).to_be_bytes();
        seeds.push([&[0, 1, 0][..], &length, &bytes, &[6, 6]].concat());
    }
    seeds.extend((0..16).map(|seed| noise(seed, 120)));
    seeds
}
