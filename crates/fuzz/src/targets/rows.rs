//! What is read back from the store: rows of documents, values, versions, definitions of indexes and their rows, declarations, keys, sync's state.

use ashore_engine::collection::Declarations;
use ashore_engine::document::{DocumentRow, TextPath, Value, Version, json};
use ashore_engine::group::{GroupState, JoiningState, RelayPlace, SyncSettings};
use ashore_engine::index;
use ashore_engine::query::{Direction, Path, append_sort_key, split_sort_key};
use ashore_engine::store::keys;
use ashore_engine::store::packed::BlobName;
use ashore_protocol::codec;

/// How many ways there are to read the bytes.
pub const KINDS: u8 = 7;

/// The first byte says what the others are.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % KINDS {
        0 => {
            if let Ok(row) = DocumentRow::decode(bytes) {
                assert_eq!(DocumentRow::decode(&row.encode()).as_ref(), Ok(&row), "a row reads back");
                let _ = (row.version().to_string(), Value::decode(&row.value));
            }
        }
        1 => value(bytes),
        2 => definitions(bytes),
        3 => {
            if let Ok(declarations) = Declarations::decode(bytes) {
                let again = Declarations::decode(&declarations.encode()).expect("declarations read back");
                assert_eq!(again.encode(), declarations.encode());
            }
        }
        4 => store_keys(bytes),
        5 => {
            let _ = codec::decode::<SyncSettings>(bytes);
            let _ = codec::decode::<RelayPlace>(bytes);
            let _ = codec::decode::<JoiningState>(bytes);
            if let Ok(state) = codec::decode::<GroupState>(bytes) {
                assert_eq!(codec::decode::<GroupState>(&codec::encode(&state)).as_ref(), Ok(&state));
            }
        }
        _ => texts(&String::from_utf8_lossy(bytes)),
    }
}

fn value(bytes: &[u8]) {
    let Ok(value) = Value::decode(bytes) else { return };
    let text = json::write_text(bytes);
    let Ok(encoded) = value.encode() else { return };
    assert_eq!(Value::decode(&encoded).as_ref(), Ok(&value), "a value reads back");
    if let Ok(text) = text {
        assert_eq!(json::parse_one(&text).as_ref(), Ok(&value), "and as JSON, too: {text}");
    }
    for direction in [Direction::Ascending, Direction::Descending] {
        let mut key = Vec::new();
        append_sort_key(&mut key, &value, direction);
        key.extend_from_slice(b"rest");
        assert!(
            split_sort_key(&key, direction).is_some_and(|(_, rest)| rest == b"rest"),
            "a sort key ends where it ends"
        );
    }
}

fn definitions(bytes: &[u8]) {
    let Ok(definitions) = index::decode(bytes) else {
        for direction in [Direction::Ascending, Direction::Descending] {
            let _ = split_sort_key(bytes, direction);
        }
        return;
    };
    assert!(index::decode(&index::encode(&definitions)).is_ok(), "definitions read back");
    let document = json::parse_one(r#"{"a":[1,{"b":"two words"}],"b":null,"t":"Zürich tram"}"#).unwrap();
    for definition in &definitions {
        let _ = definition.keys("n1", &document);
        let _ = definition.parse_row(bytes);
        if let Some(text) = &definition.text {
            let _ = (text, definition.document_words(&document), definition.postings(&document));
            let _ = definition.parse_posting(bytes, bytes);
        }
    }
}

fn store_keys(bytes: &[u8]) {
    if let Ok((collection, id)) = keys::parse_value_key(bytes) {
        assert_eq!(&*keys::value_key(&collection, &id), bytes, "a key has one form");
    }
    if let Ok((collection, id, number)) = keys::parse_chunk_key(bytes) {
        assert_eq!(&*keys::chunk_key(&collection, &id, number), bytes, "a key has one form");
    }
    let _ = (keys::parse_definitions_key(bytes), keys::parse_declarations_key(bytes), keys::parse_index_key(bytes));
}

fn texts(text: &str) {
    if let Some(version) = Version::parse(text) {
        assert_eq!(Version::parse(&version.to_string()), Some(version), "a version reads back");
    }
    if let Some(name) = BlobName::parse(text) {
        assert_eq!(name.to_string(), text, "a blob's name has one form");
    }
    let _ = (TextPath::parse(text), Path::parse(text));
}
