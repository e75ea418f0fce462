//! What rows documents have, and bytes that must open for ever.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::path::PathBuf;

use super::*;
use crate::document::{Value, json};
use crate::query::{Direction, append_sort_key};
use crate::search::Statistics;

fn index(fields: &[(&str, bool)], sparse: bool) -> IndexDef {
    IndexDef::new(0x0102_0304, "by", fields.iter().copied(), false, sparse).unwrap()
}

fn document(text: &str) -> Value {
    json::parse_one(text).unwrap()
}

/// The keys of a document as JSON arrays of the values that they should stand for are.
fn key(index: &IndexDef, values: &str) -> Vec<u8> {
    let Value::List(values) = document(&format!(r#"{{"v":{values}}}"#)).field("v") else { panic!("no array") };
    let mut key = Vec::new();
    for (field, value) in index.fields.iter().zip(&values) {
        append_sort_key(&mut key, value, field.direction);
    }
    key
}

trait Field {
    fn field(&self, name: &str) -> Value;
}

impl Field for Value {
    fn field(&self, name: &str) -> Value {
        let Value::Map(map) = self else { panic!("no object") };
        map[name].clone()
    }
}

fn assert_keys(index: &IndexDef, text: &str, keys: &[&str]) {
    let expected: Keys = keys.iter().map(|values| key(index, values)).collect();
    assert_eq!(index.keys("n1", &document(text)), expected, "{text}");
}

#[test]
fn a_document_has_one_key_for_each_distinct_item_of_an_array() {
    let by_tag = index(&[("tags", false)], false);
    assert_keys(&by_tag, r#"{"tags":["b","a","b"]}"#, &[r#"["a"]"#, r#"["b"]"#]);
    assert_keys(&by_tag, r#"{"tags":"a"}"#, &[r#"["a"]"#]);
    assert_keys(&by_tag, r#"{"tags":[]}"#, &["[[]]"]);
    assert_keys(&by_tag, r#"{"tags":[["a"]]}"#, &[r#"[["a"]]"#]);
}

#[test]
fn several_fields_make_every_combination() {
    let both = index(&[("tags", false), ("parts.size", true)], false);
    assert_keys(
        &both,
        r#"{"tags":["a","b"],"parts":[{"size":1},{"size":2}]}"#,
        &[r#"["a",1]"#, r#"["a",2]"#, r#"["b",1]"#, r#"["b",2]"#],
    );
    assert_keys(&both, r#"{"tags":["a"],"parts":[{"size":1},{}]}"#, &[r#"["a",1]"#, r#"["a",null]"#]);
}

#[test]
fn what_is_missing_is_null_and_left_out_of_a_sparse_index() {
    let fields = [("a", false), ("b", true)];
    assert_keys(&index(&fields, false), "{}", &["[null,null]"]);
    assert_keys(&index(&fields, true), "{}", &[]);
    assert_keys(&index(&fields, true), r#"{"a":null}"#, &[]);
    assert_keys(&index(&fields, true), r#"{"b":1}"#, &["[null,1]"]);
    assert_keys(&index(&fields[..1], true), r#"{"a":[null,1]}"#, &["[1]"]);
}

#[test]
fn a_document_with_long_keys_or_too_many_is_kept_apart() {
    let apart = Keys::from([APART.to_vec()]);
    let by_text = index(&[("text", false)], false);
    let text = |len: usize| document(&format!(r#"{{"text":"{}"}}"#, "x".repeat(len)));
    // A tag before the text, two bytes behind it.
    assert_eq!(by_text.keys("n1", &text(MAX_INDEX_KEY_BYTES - 3)).first().unwrap().len(), MAX_INDEX_KEY_BYTES);
    assert_eq!(by_text.keys("n1", &text(MAX_INDEX_KEY_BYTES - 2)), apart);
    let numbers = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let list = |count: usize| document(&format!(r#"{{"n":[{}]}}"#, numbers(count)));
    let by_number = index(&[("n", true)], false);
    assert_eq!(by_number.keys("n1", &list(MAX_DOCUMENT_ROWS)).len(), MAX_DOCUMENT_ROWS);
    assert_eq!(by_number.keys("n1", &list(MAX_DOCUMENT_ROWS + 1)), apart);
    assert_eq!(by_number.keys(&"i".repeat(100), &list(MAX_DOCUMENT_ROWS)), apart, "its rows take too many bytes");
    let square = index(&[("n", false), ("m.n", false)], false);
    let both = document(&format!(r#"{{"n":[{0}],"m":{{"n":[{0}]}}}}"#, numbers(40)));
    assert_eq!(square.keys("n1", &both), apart);
}

#[test]
fn a_row_tells_its_key_and_its_document() {
    for (fields, text) in [
        (&[("a", false)][..], r#"{"a":"x\u0000y"}"#),
        (&[("a", true), ("b", false)], r#"{"a":[1,{"c":[]}],"b":-2.5}"#),
        (&[("a", true)], "{}"),
    ] {
        let index = index(fields, false);
        for key in index.keys("ü\u{0}1", &document(text)) {
            let row = index.row(&key, "ü\u{0}1");
            assert!(index.range().contains(&row) && index.rows_of(&key).contains(&row));
            assert!(!index.apart_range().contains(&row));
            assert_eq!(index.parse_row(&row), Some((key.as_slice(), "ü\u{0}1")));
        }
    }
    let index = index(&[("a", false)], false);
    let row = index.row(APART, "n1");
    assert!(index.apart_range().contains(&row));
    assert_eq!(index.parse_row(&row), Some((APART, "n1")));
    assert_eq!(index.parse_row(&index.anew(9).row(APART, "n1")), None, "another index");
    assert_eq!(index.parse_row(&index.row(&[0x20, 1], "")), None, "half a key");
}

#[test]
fn an_index_knows_which_of_its_paths_met_an_array() {
    let mut both = index(&[("a", false), ("b.c", false)], false);
    let mut note = |text: &str| {
        let document = document(text);
        let keys = both.keys("n1", &document);
        let new = both.note(&document, &keys);
        (new, both.fields[0].multi, both.fields[1].multi, both.apart)
    };
    assert_eq!(note(r#"{"a":1,"b":{"c":2}}"#), (false, false, false, false));
    assert_eq!(note(r#"{"a":1,"b":[{"c":2}]}"#), (true, false, true, false));
    assert_eq!(note(r#"{"a":1}"#), (false, false, true, false));
    assert_eq!(note(&format!(r#"{{"a":["{}"]}}"#, "x".repeat(2_000))), (true, true, true, true));
}

#[test]
fn wrong_declarations_are_refused_with_a_reason() {
    let new = |name: &str, fields: &[&str]| {
        let fields: Vec<_> = fields.iter().map(|path| (*path, false)).collect();
        IndexDef::new(1, name, fields.into_iter(), false, false).map(drop).map_err(|error| error.to_string())
    };
    let long = "x".repeat(1_025);
    assert_eq!(new("", &["a"]).unwrap_err(), "the name of an index has 1 to 256 bytes");
    assert_eq!(new("i", &[]).unwrap_err(), "the index `i` has 0 fields, of 1 to 8");
    assert_eq!(new("i", &["a"; 9]).unwrap_err(), "the index `i` has 9 fields, of 1 to 8");
    assert_eq!(new("i", &["a", "a"]).unwrap_err(), "the index `i` has `a` twice");
    assert!(new("i", &[&long]).unwrap_err().ends_with("a path takes more than 1,024 bytes"));
    assert_eq!(new("i", &["a", "a.b"]), Ok(()));
}

fn golden(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/index").join(name);
    if !path.exists() && std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::read(path).unwrap()
}

#[test]
fn golden_definitions_decode_for_ever() {
    let mut building = IndexDef::new(7, "by-due", [("due", true), ("tags", false)].into_iter(), true, true).unwrap();
    building.state = IndexState::Building("n1".into());
    building.fields[1].multi = true;
    building.documents = 500;
    let ready = IndexDef { state: IndexState::Ready, apart: true, ..index(&[("title", false)], false) };
    let dropped = IndexDef { state: IndexState::Dropped, ..index(&[("a.b", false)], false) };
    let all = [building, ready, dropped];
    let bytes = golden("definitions.cbor", &encode(&all));
    assert_eq!(decode(&bytes).unwrap(), all);
    assert_eq!(encode(&all), bytes, "and are written the same");
    let mut later = bytes.clone();
    later[1] = 2;
    assert_eq!(decode(&later), Err(UnknownDefinitions));
    assert_eq!(decode(&bytes[..bytes.len() - 1]), Err(UnknownDefinitions));
}

#[test]
fn golden_definitions_of_words_decode_for_ever() {
    let mut building = IndexDef::new_text(9, "words", [("title", 3), ("said.text", 1)].into_iter()).unwrap();
    building.state = IndexState::Building("n1".into());
    building.text = Some(TextIndex { version: 1, statistics: Statistics { documents: 20, length: 700 } });
    let all = [building, index(&[("title", false)], false)];
    let bytes = golden("definitions_words.cbor", &encode(&all));
    assert_eq!(decode(&bytes).unwrap(), all);
    assert_eq!(encode(&all), bytes, "and are written the same");
}

#[test]
fn golden_rows_of_words_are_found_for_ever() {
    let index = IndexDef::new_text(9, "words", [("title", 3), ("body", 1)].into_iter()).unwrap();
    let postings = index.postings(&document(r#"{"title":"Café","body":"oat milk, Oat"}"#));
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let line = |(word, frequency): (&String, &u32)| {
        let (row, value) = (index.word_row(word, "n1"), IndexDef::word_value(*frequency, postings.length));
        let posting = index.parse_posting(&row, &value).unwrap();
        assert_eq!((posting.word, posting.id, posting.frequency, posting.length), (word.as_str(), "n1", *frequency, 6));
        assert!(index.rows_of_word(word, false).contains(&row) && index.rows_of_word("", true).contains(&row));
        assert!(
            !index.rows_of_word(&word[..1], false).contains(&row)
                && index.rows_of_word(&word[..1], true).contains(&row)
        );
        format!("{} {}", hex(&row), hex(&value))
    };
    let lines = postings.frequencies.iter().map(line).collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(golden("rows_words.txt", lines.as_bytes()), lines.as_bytes());
}

#[test]
fn an_index_of_words_is_declared_with_weights() {
    let new = |weight| IndexDef::new_text(1, "i", [("a", weight)].into_iter()).map_err(|error| error.to_string());
    assert_eq!(new(0).unwrap_err(), "the index `i` gives `a` a weight that is not 1 to 100");
    assert!(new(101).is_err());
    let (one, two) = (new(1).unwrap(), new(2).unwrap());
    assert!(one.is_same(&IndexDef { number: 7, ..one.clone() }) && !one.is_same(&two));
    assert!(!one.is_same(&IndexDef { text: None, ..one.clone() }), "the same fields, kept by value");
}

#[test]
fn golden_rows_are_found_for_ever() {
    let index = index(&[("tags", false), ("due", true)], false);
    let text = r#"{"tags":["shop",7],"due":{"$ashore":["date",1]}}"#;
    let rows = |document: &Value| -> Vec<_> {
        index.keys("n1", document).iter().map(|key| data_encoding::HEXLOWER.encode(&index.row(key, "n1"))).collect()
    };
    let long = document(&format!(r#"{{"tags":"{}"}}"#, "x".repeat(MAX_INDEX_KEY_BYTES)));
    let lines = [rows(&document(text)), rows(&long)].concat().join("\n") + "\n";
    assert_eq!(golden("rows.txt", lines.as_bytes()), lines.as_bytes());
    assert_eq!(index.fields[1].direction, Direction::Descending);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        cut in 0usize..90, at in 0usize..90, byte in proptest::prelude::any::<u8>(),
        row in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..24),
    ) {
        let mut bytes = std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/index/definitions.cbor")).unwrap();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(cut.max(at));
        let _ = decode(&bytes);
        let index = index(&[("a", false), ("b", true)], false);
        let mut key = index.range().start.to_vec();
        key.extend(row);
        let _ = index.parse_row(&key);
        let _ = index.parse_posting(&key, &bytes);
    }
}
