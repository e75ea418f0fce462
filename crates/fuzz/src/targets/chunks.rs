//! Automerge chunks as a member of the group may write them: split, checked, merged; and then everything that is done with a document that was
//! merged. What merging refuses is refused; what it takes must load, read, save, and merge for ever.

use ashore_engine::document::edit::{self, Actor, Current, Live, MergeError, Merged};
use ashore_engine::document::state::ChunkWrite;
use ashore_engine::document::{DocumentRow, Value, chunk, history, json};
use sha2::{Digest, Sha256};
use std::sync::{Once, OnceLock};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// What the search for panics sets: then one that is caught is a finding, too.
const FIND_PANICS: &str = "ASHORE_FIND_PANICS";

/// A document that is here before the chunks come.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its row.
    pub row: DocumentRow,
    /// Its chunks.
    pub chunks: Vec<Vec<u8>>,
    /// The changes that it was made of.
    pub changes: Vec<Vec<u8>>,
}

impl Stored {
    fn made(edits: &[&str]) -> Self {
        let mut stored: Option<Self> = None;
        for (at, text) in edits.iter().enumerate() {
            let (actor, value) = (Actor([1 + at as u8 % 2; 16]), json::parse_one(text).unwrap());
            let put = match &stored {
                None => edit::put(None, None, &value, actor, 5),
                Some(stored) => stored.with(|current| edit::put(Some(current), None, &value, actor, 5)),
            };
            let edited = put.unwrap().edited.unwrap();
            let mut next = stored.unwrap_or_else(|| Self { row: edited.row.clone(), chunks: vec![], changes: vec![] });
            next.changes.push(edited.change.clone());
            next.take(edited.row, edited.write);
            stored = Some(next);
        }
        stored.unwrap()
    }

    /// Calls with the document as it is.
    pub fn with<T>(&self, call: impl FnOnce(Current<'_>) -> T) -> T {
        let chunks: Vec<&[u8]> = self.chunks.iter().map(Vec::as_slice).collect();
        call(Current { row: &self.row, chunks: &chunks })
    }

    fn take(&mut self, row: DocumentRow, write: ChunkWrite) {
        if write.replaces.is_some() {
            self.chunks.clear();
        }
        self.chunks.push(write.bytes);
        self.row = row;
    }
}

/// The documents that chunks are merged into, besides none.
pub fn documents() -> &'static [Stored] {
    static MADE: OnceLock<Vec<Stored>> = OnceLock::new();
    MADE.get_or_init(|| {
        let rich = r#"{"list":[1,2,{"x":"y"}],"bytes":{"$ashore":["bytes","AQID"]},"s":"text","f":1.5,"n":null,"t":{"$ashore":["text","Zürich"]},"c":{"$ashore":["counter",5]},"d":{"$ashore":["date",7]}}"#;
        let then = r#"{"list":[1,5,{"x":"z"},7],"s":"text","f":2.5,"n":{"a":{}},"b":true,"t":{"$ashore":["text","Zürich tram"]},"c":{"$ashore":["counter",7]}}"#;
        let last = r#"{"list":[5,{"x":"z","y":1},7,8],"f":2.5,"n":{"a":{"q":1}},"t":{"$ashore":["text","tram"]},"c":{"$ashore":["counter",7]}}"#;
        vec![Stored::made(&[r#"{"a":1}"#]), Stored::made(&[rich]), Stored::made(&[rich, then, last])]
    })
}

/// The first byte says into what the others are merged.
pub fn run(data: &[u8]) {
    catch_quietly();
    let Some((into, bytes)) = data.split_first() else { return };
    let _ = chunk::split(bytes);
    let bytes = with_right_checksums(bytes);
    let known = documents().get(usize::from(into % 4));
    let merged = match known {
        Some(stored) => stored.with(|current| edit::merge(Some(current), &bytes)),
        None => edit::merge(None, &bytes),
    };
    if std::env::var_os(FIND_PANICS).is_some() && matches!(merged, Err(MergeError::Panicked)) {
        panic!("Automerge panics: {}", data_encoding::HEXLOWER.encode(&bytes));
    }
    if let Some(stored) = known {
        lives_alike(stored, &bytes, &merged);
    }
    let Ok(Merged::Changed { row, write }) = merged else { return };
    let mut after = known.cloned().unwrap_or_else(|| Stored { row: row.clone(), chunks: vec![], changes: vec![] });
    after.take(row, write);
    is_sound(&after, &bytes);
}

/// A document in memory takes what the plain way takes, and is the same afterwards.
fn lives_alike(stored: &Stored, bytes: &[u8], merged: &Result<Merged, MergeError>) {
    let live = stored.with(|current| edit::merge_live(Some(current), &mut Live::load(current).ok(), bytes));
    match (merged, live) {
        (Ok(Merged::Changed { row, .. }), Ok(Merged::Changed { row: live, .. })) => {
            assert_eq!((&row.heads, row.deleted, &row.value), (&live.heads, live.deleted, &live.value));
        }
        (Err(_), Err(_)) => {}
        (plain, live) => assert_eq!(plain.as_ref().ok(), live.as_ref().ok()),
    }
}

/// What was merged is a document like any other. None of this is behind a net: nothing here may panic.
fn is_sound(after: &Stored, bytes: &[u8]) {
    let value = Value::decode(&after.row.value).expect("the value of a merged document decodes");
    let chunks: Vec<&[u8]> = after.chunks.iter().map(Vec::as_slice).collect();
    let again = after.with(|current| edit::merge(Some(current), bytes));
    assert!(matches!(again, Ok(Merged::Unchanged)), "merging again changes nothing: {again:?}");
    let fields = edit::fields(&chunks).expect("what was merged loads");
    if !after.row.deleted {
        assert_eq!(fields, value, "and is what the row says");
    }
    let whole = edit::whole(&chunks).expect("what was merged is saved");
    let elsewhere = edit::merge(None, &whole);
    let Ok(Merged::Changed { row, .. }) = elsewhere else { panic!("saved, it is merged elsewhere: {elsewhere:?}") };
    assert_eq!((&row.heads, &row.value), (&after.row.heads, &after.row.value));
    let pieces = edit::pieces(&chunks, 200).expect("and goes in pieces").concat();
    let elsewhere = edit::merge(None, &pieces);
    let Ok(Merged::Changed { row, .. }) = elsewhere else { panic!("in pieces, it is merged elsewhere: {elsewhere:?}") };
    assert_eq!((&row.heads, &row.value), (&after.row.heads, &after.row.value));
    history::history(&chunks, None, 10).expect("it has a history");
    after.with(|current| {
        history::conflicts(current, 10).expect("and conflicts");
        let put =
            edit::put(Some(current), None, &json::parse_one(r#"{"list":[9],"t":"new"}"#).unwrap(), Actor([9; 16]), 9);
        put.expect("it is edited");
        edit::delete(current, Actor([9; 16]), 9).expect("it is deleted");
    });
}

/// The bytes as a sequence of chunks whose marks and checksums are what they must be, as whoever writes them can make them.
pub fn with_right_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut start = 0;
    while let Some(length_at) = start_of_length(&bytes, start) {
        let Some((length, begin)) = leb128(&bytes, length_at) else { break };
        let end = begin.saturating_add(length).min(bytes.len());
        bytes[start..start + 4].copy_from_slice(&MAGIC);
        let sum = Sha256::digest(&bytes[start + 8..end]);
        bytes[start + 4..start + 8].copy_from_slice(&sum[..4]);
        start = end;
    }
    bytes
}

fn start_of_length(bytes: &[u8], start: usize) -> Option<usize> {
    (start + 10 <= bytes.len()).then_some(start + 9)
}

fn leb128(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let (mut value, mut shift) = (0_usize, 0_u32);
    loop {
        let byte = *bytes.get(at)?;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        (at, shift) = (at + 1, shift + 7);
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
}

/// Panics that [`edit::merge`] catches are part of its work; libFuzzer's hook would end the run before they are caught.
fn catch_quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let ours = panic.location().is_some_and(|place| place.file().contains("crates/fuzz/"));
            if ours || std::env::var_os(FIND_PANICS).is_some() {
                hook(panic);
            }
        }));
    });
}
