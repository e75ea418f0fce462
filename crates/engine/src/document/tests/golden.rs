//! Stored bytes that must open for ever. `UPDATE_GOLDEN=1 cargo test -p ashore-engine golden` writes those that do not exist.

use std::path::PathBuf;

use super::replica::Replica;
use crate::document::edit::{self, Merged};
use crate::document::state::DocumentRowRef;
use crate::document::{DocumentRow, Value, json};

const DOCUMENT: &str = r#"{"":null,"$ashore-like":[true,false],"big":{"$ashore":["bigint","9223372036854775808"]},"bytes":{"$ashore":["bytes","AAECAw=="]},"date":{"$ashore":["date",-1]},"list":[0,23,24,255,256,65536,4294967296,9007199254740991],"map":{"deep":{"er":[]}},"numbers":[-0.0,-1.0,0.1,9007199254740992.0,5e-324],"signed":[{"$ashore":["bigint","-1"]},{"$ashore":["bigint","7"]}],"text":"Zürich 🏖 \u0000"}"#;

fn golden(name: &str, make: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/document").join(name);
    if !path.exists() && std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, make()).unwrap();
    }
    std::fs::read(path).unwrap()
}

/// A document with a little history, the same each time.
fn history() -> Replica {
    let mut alice = Replica::with(1, DOCUMENT);
    alice.put(r#"{"title":"Milk","tags":["a","b"]}"#);
    let mut bob = alice.fork(2);
    alice.put(r#"{"title":"Bread","tags":["0","a","b"]}"#);
    bob.put(r#"{"title":"Milk","tags":["a","b","c"],"done":true}"#);
    alice.exchange(&mut bob);
    alice
}

fn row() -> Vec<u8> {
    DocumentRow { sent_with: 300, ..history().row.unwrap() }.encode()
}

#[test]
fn golden_value_bytes_decode_for_ever() {
    let bytes = golden("value.cbor", || json::parse_one(DOCUMENT).unwrap().encode().unwrap());
    let value = Value::decode(&bytes).unwrap();
    assert_eq!(json::write_text(&bytes).unwrap(), DOCUMENT);
    assert_eq!(Ok(&value), json::parse_one(DOCUMENT).as_ref());
    assert_eq!(value.encode().unwrap(), bytes, "and are written the same");
}

#[test]
fn golden_counters_and_texts_decode_for_ever() {
    const TEXT: &str = r#"{"far":{"$ashore":["counter","9007199254740993"]},"likes":{"$ashore":["counter",-5]},"list":[{"$ashore":["counter",0]},{"$ashore":["text",""]}],"text":{"$ashore":["text","Zürich 🏖"]}}"#;
    let bytes = golden("counters-and-texts.cbor", || json::parse_one(TEXT).unwrap().encode().unwrap());
    assert_eq!(json::write_text(&bytes).unwrap(), TEXT);
    assert_eq!(Value::decode(&bytes).unwrap().encode().unwrap(), bytes, "and are written the same");
    let changes = golden("counters-and-texts.automerge", || {
        let mut alice = Replica::with(1, &TEXT.replace("-5", "1").replace("Zürich", ""));
        alice.put(TEXT);
        alice.chunks.into_values().flatten().collect()
    });
    let Merged::Changed { row, .. } = edit::merge(None, &changes).unwrap() else { panic!() };
    assert_eq!(row.value, bytes);
}

#[test]
fn golden_row_bytes_decode_for_ever() {
    let bytes = golden("row.cbor", row);
    let row = DocumentRowRef::decode(&bytes).unwrap();
    assert_eq!(json::write_text(row.value).unwrap(), r#"{"done":true,"tags":["0","a","b","c"],"title":"Bread"}"#);
    assert_eq!((row.sent_with, row.deleted, row.heads.len()), (300, false, 64));
    assert_eq!((row.chunks.first, row.chunks.last), (0, 3));
    assert_eq!(row.to_owned().encode(), bytes, "and are written the same");
}

#[test]
fn golden_chunks_merge_for_ever() {
    let changes = golden("changes.automerge", || history().chunks.into_values().flatten().collect());
    let whole = golden("whole.automerge", || history().whole());
    let row = DocumentRow::decode(&golden("row.cbor", row)).unwrap();
    for bytes in [changes, whole] {
        let Merged::Changed { row: merged, .. } = edit::merge(None, &bytes).unwrap() else { panic!() };
        assert_eq!((merged.heads, merged.value), (row.heads.clone(), row.value.clone()));
    }
}

#[test]
fn golden_deleted_chunks_merge_for_ever() {
    let make = || {
        let mut alice = Replica::with(1, r#"{"a":1}"#);
        alice.delete();
        alice.chunks.into_values().flatten().collect()
    };
    let Merged::Changed { row, .. } = edit::merge(None, &golden("deleted.automerge", make)).unwrap() else { panic!() };
    assert!(row.deleted);
}

#[test]
fn a_row_of_a_later_format_or_a_broken_one_is_an_error() {
    let bytes = history().row.unwrap().encode();
    let mut later = bytes.clone();
    later[1] = 3;
    assert!(matches!(DocumentRow::decode(&later), Err(crate::document::state::DecodeRowError::UnknownFormat(3))));
    for at in 0..bytes.len() {
        assert!(DocumentRow::decode(&bytes[..at]).is_err());
        let mut changed = bytes.clone();
        changed[at] ^= 0x41;
        let _ = DocumentRow::decode(&changed);
    }
}
