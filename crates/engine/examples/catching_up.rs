//! What coming late costs natively: a device that reads every entry beside one that takes a snapshot; what a relay keeps of a
//! year; what an entry adds to what it carries. Run with `--release --features testing`; numbers of documents may be given.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::panic, clippy::indexing_slicing, missing_docs)]

use ashore_engine::api::{Command, Reply};
use ashore_engine::testing::Network;
use std::time::Instant;

const DAY_MS: u64 = 24 * 3_600_000;
const WORDS: [&str; 16] = [
    "harbour", "tide", "keel", "the", "of", "gull", "anchor", "rope", "and", "north", "sand", "is", "wreck", "buoy",
    "salt", "to",
];

fn main() {
    let mut counts: Vec<usize> = std::env::args().skip(1).filter_map(|count| count.parse().ok()).collect();
    if counts.is_empty() {
        counts.push(10_000);
    }
    overhead();
    for count in counts {
        late(count);
    }
    year();
}

struct World {
    network: Network,
}

impl World {
    fn founded(seed: u64) -> Self {
        Self { network: Network::group_of(seed, &["alice"]) }
    }

    fn add(&mut self, name: &str) -> usize {
        let device = self.network.add_device(name);
        self.network.join(device, 0, "admin");
        device
    }

    fn put(&mut self, device: usize, id: usize, document: String) {
        self.network.put(device, "notes", &format!("note-{id:07}"), &document).unwrap();
        self.network.devices[device].events.clear();
    }

    fn began_from_snapshot(&mut self, device: usize) -> bool {
        let Reply::Diagnostics { diagnostics } = self.network.ok(device, Command::Diagnostics {}) else { panic!() };
        diagnostics.snapshot.is_some_and(|snapshot| snapshot.began_from)
    }

    /// A note of about so many bytes of JSON.
    fn note(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        while text.len() + 60 < bytes {
            let word = WORDS[self.network.rng.below(16) as usize];
            text.push_str(word);
            text.push(' ');
        }
        let (stars, done) = (self.network.rng.below(1_000), self.network.rng.below(2) == 0);
        format!("{{\"title\":\"note {stars}\",\"text\":\"{text}\",\"done\":{done},\"stars\":{stars}}}")
    }
}

/// The bytes of a whole entry beside the JSON that was put and the payload it seals.
fn overhead() {
    println!("entry overhead\n{:>10} {:>10} {:>10} {:>10}", "JSON, B", "payload", "entry", "on top");
    for bytes in [60, 100, 300, 1_000, 10_000] {
        let mut world = World::founded(1);
        world.network.settle(&[0]);
        let document = world.note(bytes);
        world.put(0, 1, document.clone());
        world.network.settle(&[0]);
        let entry = world.network.relay.entries(&world.network.group(0)).pop().unwrap().len();
        let payload = world.network.payloads(0).pop().unwrap().len();
        let json = document.len();
        println!("{json:>10} {payload:>10} {entry:>10} {:>10}", entry as i64 - json as i64);
    }
}

/// One device was away while all was written, and reads every entry; another begins from a snapshot of the same.
fn late(count: usize) {
    let mut world = World::founded(2);
    let bob = world.add("bob");
    world.network.settle(&[0, bob]);
    world.network.crash(bob, false);
    let mut json = 0;
    for id in 0..count {
        let document = world.note(300);
        json += document.len();
        world.put(0, id, document);
    }
    world.network.settle(&[0]);
    println!("\n{count} documents, {} of JSON, an entry each", size(json as u64));
    let (down, started) = (world.network.bytes_down, Instant::now());
    world.network.open(bob);
    world.network.settle(&[0, bob]);
    let (by_entries, read) = (started.elapsed(), world.network.bytes_down - down);
    println!("  entry by entry: {} down, {by_entries:.2?}", size(read));
    assert!(!world.began_from_snapshot(bob));
    let started = Instant::now();
    let Reply::Snapshot { bytes, .. } = world.network.ok(0, Command::PublishSnapshot { timeout_ms: 1_200_000 }) else {
        panic!()
    };
    println!("  snapshot made: {}, {:.2?}", size(bytes), started.elapsed());
    world.network.settle(&[0, bob]);
    let (down, started) = (world.network.bytes_down, Instant::now());
    let carol = world.add("carol");
    world.network.settle(&[0, bob, carol]);
    let (by_snapshot, read) = (started.elapsed(), world.network.bytes_down - down);
    assert!(world.began_from_snapshot(carol));
    println!("  by snapshot: {} down, {by_snapshot:.2?}", size(read));
    println!("  {:.1} times as quick", by_entries.as_secs_f64() / by_snapshot.as_secs_f64());
}

/// Three devices edit 400 notes for a year, 60 times a day, on five days of the week; the relay tidies up every day.
fn year() {
    let mut world = World::founded(3);
    let devices = [0, world.add("bob"), world.add("carol")];
    world.network.settle(&devices);
    let group = world.network.group(0);
    let (mut edits, mut written) = (0, 0);
    println!(
        "\na year of three devices, as the relay keeps it\n{:>6} {:>8} {:>12} {:>12} {:>12}",
        "day", "edits", "ever", "entries", "snapshots"
    );
    for day in 1..=365 {
        let before = world.network.relay.kept(&group).0;
        for _ in 0..if day % 7 < 5 { 60 } else { 0 } {
            let device = world.network.rng.below(3) as usize;
            let (id, bytes) = (world.network.rng.below(400) as usize, 200 + world.network.rng.below(400) as usize);
            let document = world.note(bytes);
            world.put(device, id, document);
            edits += 1;
        }
        world.network.settle(&devices);
        written += world.network.relay.kept(&group).0 - before;
        world.network.run_ms(DAY_MS / 2);
        world.network.tidy_relay();
        world.network.run_ms(DAY_MS / 2);
        if day % 73 == 0 {
            let (entries, snapshots) = world.network.relay.kept(&group);
            let [ever, entries, snapshots] = [written, entries, snapshots].map(size);
            println!("{day:>6} {edits:>8} {ever:>12} {entries:>12} {snapshots:>12}");
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
