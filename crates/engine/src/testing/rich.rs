//! Counters and texts in a story's documents: every write counts and types something, says so in its own field, and at the end
//! each counter is the sum and each text the pieces of exactly the writes that are there.
//!
//! The first write that knows of no counter makes one under its own mark, so that two devices never make the same one apart;
//! the same with texts.

use crate::api::TextSplice;
use crate::rng::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Counts and types something in a document as a page read it; answers what the write's own field is to hold.
pub(super) fn edit(document: &mut Value, mark: u64, rng: &mut Rng) -> Value {
    let counter = count(document, mark, rng);
    let (text, erased) = write(document, mark, rng);
    json!({ "counter": counter, "text": text, "erased": erased })
}

/// A counter that the page knows.
pub(super) fn counter(document: &Value, rng: &mut Rng) -> Option<String> {
    known(document, "count-", rng)
}

/// Types the write's piece into a text that the page knows, or takes another out, as one splice; with the text's name, and what the
/// write's own field is to hold.
pub(super) fn splice(document: &Value, mark: u64, rng: &mut Rng) -> Option<(String, TextSplice, Value)> {
    let name = known(document, "text-", rng)?;
    let text: Vec<char> = untagged(&document[&name]).as_str()?.chars().collect();
    let at = rng.below((text.len() / PIECE) as u64 + 1) as usize * PIECE;
    let units = |characters: usize| (characters * 2) as u32;
    let found = text.get(at).map(|first| (u64::from(*first as u32) - FIRST) / PIECE as u64);
    let erased = found.filter(|_| rng.below(4) == 0);
    let splice = match erased {
        Some(_) => TextSplice { at: units(at), delete: units(PIECE), insert: String::new() },
        None => TextSplice { at: units(at), delete: 0, insert: piece(mark) },
    };
    let said = json!({ "text": &name, "erased": erased });
    Some((name, splice, said))
}

/// What is wrong with the counters and texts of a document; `fields` are those of the writes that are in it.
pub(super) fn check<'a>(document: &Value, fields: impl Iterator<Item = (u64, &'a Value)>) -> Result<(), String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut pieces: BTreeMap<String, BTreeMap<u64, usize>> = BTreeMap::new();
    let mut erased = Vec::new();
    for (mark, field) in fields {
        let name = |key: &str| field[key].as_str().unwrap_or_default().to_owned();
        // A write that counts or types nothing names nothing.
        if field["counter"].is_string() {
            *counts.entry(name("counter")).or_default() += mark;
        }
        if !field["text"].is_string() {
            continue;
        }
        match field["erased"].as_u64() {
            Some(piece) => erased.push((name("text"), piece)),
            None => drop(pieces.entry(name("text")).or_default().insert(mark, 1)),
        }
    }
    for (text, piece) in erased {
        pieces.entry(text).or_default().insert(piece, 0);
    }
    for (name, sum) in counts {
        if document[&name] != tagged("counter", json!(sum)) {
            return Err(format!("{name} is {} and not {sum}", document[&name]));
        }
    }
    for (name, pieces) in pieces {
        let text = untagged(&document[&name]).as_str().unwrap_or_default();
        let wanted: usize = pieces.values().sum();
        let all_there = pieces.iter().all(|(mark, times)| text.matches(&piece(*mark)).count() == *times);
        if !all_there || text.chars().count() != wanted * PIECE {
            return Err(format!("{name} is {text:?} and has not the pieces {pieces:?}"));
        }
    }
    Ok(())
}

/// Adds the write's mark to a counter that the page knows.
fn count(document: &mut Value, mark: u64, rng: &mut Rng) -> String {
    let name = known(document, "count-", rng).unwrap_or(format!("count-{mark}"));
    let sum = untagged(&document[&name]).as_u64().unwrap_or(0) + mark;
    document[&name] = tagged("counter", json!(sum));
    name
}

/// Puts the write's piece into a text that the page knows, or takes another piece out; answers which text, and which piece.
fn write(document: &mut Value, mark: u64, rng: &mut Rng) -> (String, Option<u64>) {
    let name = known(document, "text-", rng).unwrap_or(format!("text-{mark}"));
    let mut text: Vec<char> = untagged(&document[&name]).as_str().unwrap_or_default().chars().collect();
    let at = rng.below((text.len() / PIECE) as u64 + 1) as usize * PIECE;
    let erased = match text.get(at) {
        Some(first) if rng.below(4) == 0 => {
            let erased = (u64::from(*first as u32) - FIRST) / PIECE as u64;
            text.drain(at..at + PIECE);
            Some(erased)
        }
        _ => {
            text.splice(at..at, piece(mark).chars());
            None
        }
    };
    document[&name] = tagged("text", json!(text.into_iter().collect::<String>()));
    (name, erased)
}

fn known(document: &Value, prefix: &str, rng: &mut Rng) -> Option<String> {
    let fields = document.as_object().into_iter().flat_map(|fields| fields.keys());
    let names: Vec<&String> = fields.filter(|name| name.starts_with(prefix)).collect();
    names.get(rng.below(names.len() as u64) as usize).map(|name| (*name).clone())
}

/// So many characters is a piece of text.
const PIECE: usize = 3;
/// Where the pieces begin: each character belongs to one write only, so that a difference can be made in one way only, and
/// takes two UTF-16 units.
const FIRST: u64 = 0x20000;

fn piece(mark: u64) -> String {
    let first = FIRST + mark * PIECE as u64;
    (first..first + PIECE as u64).filter_map(|code| char::from_u32(code as u32)).collect()
}

fn tagged(kind: &str, value: Value) -> Value {
    json!({ "$ashore": [kind, value] })
}

fn untagged(value: &Value) -> &Value {
    value.pointer("/$ashore/1").unwrap_or(&Value::Null)
}
