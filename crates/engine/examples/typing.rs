//! How long a key takes in a text: `cargo run --release -p ashore-engine --example typing`.
//!
//! The trace is synthetic: as many single-character insertions and deletions as the editing trace of automerge-perf has (182,315
//! and 77,463), typed in runs at a caret that jumps now and then, from a seed. The real one is on no registry.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, clippy::panic, missing_docs)]

use ashore_engine::document::edit::{Actor, Current, Edited, Live, Merged, TextEdit, create, merge_live};
use ashore_engine::document::text::Splice;
use ashore_engine::document::{DocumentRow, TextPath, Value, Version};
use std::time::{Duration, Instant};

const INSERTIONS: usize = 182_315;
const DELETIONS: usize = 77_463;

struct Device {
    row: DocumentRow,
    chunks: Vec<Vec<u8>>,
    live: Option<Live>,
    actor: Actor,
}

impl Device {
    fn new(text: &str) -> Self {
        let actor = Actor([1; 16]);
        let document = Value::Map([("body".to_owned(), Value::Text(text.to_owned()))].into());
        let Edited { row, write, .. } = create(&document, actor, 0).unwrap();
        let chunks = vec![write.bytes];
        let live = Live::load(Current { row: &row, chunks: &[&chunks[0]] }).ok();
        Self { row, chunks, live, actor }
    }

    fn other(&self) -> Self {
        let known: Vec<_> = self.chunks.iter().map(Vec::as_slice).collect();
        let live = Live::load(Current { row: &self.row, chunks: &known }).ok();
        Self { row: self.row.clone(), chunks: self.chunks.clone(), live, actor: Actor([2; 16]) }
    }

    /// A key, as the engine takes it: one change, the row that is written and the bytes that travel.
    fn key(&mut self, version: &Version, at: usize, delete: usize, insert: &str) -> (Version, Vec<u8>) {
        let path = TextPath::parse("body").unwrap();
        let edits = [TextEdit::Splice(Splice { at, delete, insert: insert.to_owned() })];
        let edited = self.live.as_mut().unwrap().edit(&self.row, version, &path, &edits, self.actor, 0).unwrap();
        let Edited { row, write, change, .. } = edited.edited.unwrap();
        if write.replaces.is_some() {
            self.chunks.clear();
        }
        self.chunks.push(write.bytes);
        self.row = row;
        self.row.encode();
        (edited.version, change)
    }

    fn merge(&mut self, change: &[u8]) {
        let known: Vec<_> = self.chunks.iter().map(Vec::as_slice).collect();
        let current = Current { row: &self.row, chunks: &known };
        let merged = merge_live(Some(current), &mut self.live, change).unwrap();
        let Merged::Changed { row, write } = merged else { panic!("it is new") };
        if write.replaces.is_some() {
            self.chunks.clear();
        }
        self.chunks.push(write.bytes);
        self.row = row;
    }
}

fn main() {
    keys_in_a_long_text();
    trace();
}

fn keys_in_a_long_text() {
    let mut here = Device::new(&"0123456789".repeat(10_000));
    let mut there = here.other();
    let (mut version, mut shown) = (here.row.version(), there.row.version());
    let (mut edits, mut merges, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for key in 0..300 {
        let started = Instant::now();
        let (next, change) = here.key(&version, 50_000 + key, 0, "x");
        edits.push(started.elapsed());
        version = next;
        let started = Instant::now();
        there.merge(&change);
        merges.push(started.elapsed());
        let started = Instant::now();
        let changes = there.live.as_ref().unwrap().changes(&TextPath::parse("body").unwrap(), &shown).unwrap();
        told.push(started.elapsed());
        assert_eq!(changes.splices.len(), 1);
        shown = there.row.version();
    }
    println!("a key in 100,000 characters, median of 300:");
    println!("  edited here  {:?}", median(edits));
    println!("  merged there {:?}", median(merges));
    println!("  told there   {:?}", median(told));
}

fn trace() {
    let mut device = Device::new("");
    let mut version = device.row.version();
    let (mut length, mut caret, mut left, mut state) = (0, 0, (INSERTIONS, DELETIONS), 7_u64);
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let (mut keys, started) = (Vec::new(), Instant::now());
    while left.0 + left.1 > 0 {
        if random(40) == 0 {
            caret = random(length + 1);
        }
        let run = 1 + random(12);
        let deletes = caret > 0 && random(left.0 + left.1) < left.1;
        for _ in 0..run {
            let key = Instant::now();
            if deletes && left.1 > 0 && caret > 0 {
                caret -= 1;
                (length, left.1) = (length - 1, left.1 - 1);
                version = device.key(&version, caret, 1, "").0;
            } else if !deletes && left.0 > 0 {
                let letter = char::from(b'a' + random(26) as u8).to_string();
                version = device.key(&version, caret, 0, &letter).0;
                caret += 1;
                (length, left.0) = (length + 1, left.0 - 1);
            }
            keys.push(key.elapsed());
        }
    }
    println!("a synthetic trace of {} keys, a change and a row for each:", INSERTIONS + DELETIONS);
    println!("  all {:?}, median {:?}", started.elapsed(), median(keys));
    println!(
        "  the text has {length} characters, the chunks {} bytes",
        device.chunks.iter().map(Vec::len).sum::<usize>()
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
