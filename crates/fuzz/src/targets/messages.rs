//! What pages and the engine say to each other: the CBOR envelope of calls and news, and documents as JSON text.

use ashore_engine::api::{Calls, News, decode, decode_calls, encode};
use ashore_engine::document::{Value, json};

/// How many ways there are to read the bytes.
pub const KINDS: u8 = 4;

/// The first byte says what the others are.
pub fn run(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % KINDS {
        0 => match decode_calls(bytes) {
            Ok(calls) => assert_eq!(decode::<Calls>(&encode(&calls)).ok().as_ref(), Some(&calls), "calls read back"),
            Err(Some(foreign)) => assert_eq!(foreign.refusal().answers.len(), foreign.calls.len()),
            Err(None) => {}
        },
        1 => {
            if let Ok(news) = decode::<News>(bytes) {
                assert_eq!(decode::<News>(&encode(&news)).ok().as_ref(), Some(&news), "news reads back");
            }
        }
        2 => {
            if let Ok(value) = json::parse_one(&String::from_utf8_lossy(bytes)) {
                reads_back(&value);
            }
        }
        _ => {
            if let Ok(values) = json::parse_many(&String::from_utf8_lossy(bytes)) {
                values.iter().for_each(reads_back);
            }
        }
    }
}

fn reads_back(value: &Value) {
    let Ok(encoded) = value.encode() else { return };
    let text = json::write_text(&encoded).expect("what was encoded is written");
    assert_eq!(json::parse_one(&text).as_ref(), Ok(value), "a document reads back: {text}");
}
