//! Stories: random schedules of edits and disasters, each of which must keep every promise. `ASHORE_SEEDS=from..to` runs others;
//! `ASHORE_TRACE=1` prints what crosses the wires.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_engine::testing::story::{self, Broken, Ending};
use std::ops::Range;

fn asked() -> Option<String> {
    std::env::var("ASHORE_SEEDS").ok()
}

/// 2,000 unless asked for others.
fn seeds() -> Range<u64> {
    let asked = asked();
    let range = asked.as_deref().and_then(|text| text.split_once("..")).map(|(from, to)| (from.parse(), to.parse()));
    match range {
        Some((Ok(from), Ok(to))) => from..to,
        _ => 0..2_000,
    }
}

/// 100 unless asked for others.
#[test]
fn every_promise_is_kept_while_snapshots_are_made_and_the_relay_forgets() {
    tell(if asked().is_some() { seeds() } else { 0..100 }, story::run_with_snapshots);
}

/// 200 unless asked for others: 234 is one of them, in which a device took back a control entry that the page it was reading had shown.
#[test]
fn every_promise_is_kept_while_devices_also_meet_without_the_relay() {
    tell(if asked().is_some() { seeds() } else { 40..240 }, story::run_with_channels);
}

#[test]
fn every_promise_is_kept_while_groups_change() {
    let told = tell(seeds(), story::run_with_members);
    assert!(told.changes as u64 > told.stories && told.let_go as u64 > told.stories / 4);
}

/// 200 unless asked for others.
#[test]
fn every_promise_is_kept_while_devices_ask_come_back_and_are_lost() {
    let told = tell(if asked().is_some() { seeds() } else { 0..200 }, story::run_with_ways);
    assert!(told.recovered as u64 > told.stories / 4 && told.admitted as u64 > told.stories / 4);
}

#[test]
fn every_promise_is_kept_in_every_story() {
    let told = tell(seeds(), story::run_traced);
    assert!(told.acknowledged > 0 && told.openings > told.stories);
}

/// What all stories came to.
#[derive(Default)]
struct Told {
    stories: u64,
    acknowledged: usize,
    steps: u64,
    openings: u64,
    changes: usize,
    let_go: usize,
    buried: usize,
    recovered: usize,
    admitted: usize,
}

/// Tells them all; each must keep every promise.
fn tell(seeds: Range<u64>, run: fn(u64, bool) -> Result<Ending, Broken>) -> Told {
    let (told, broken) = listen(seeds, run);
    let seeds: Vec<u64> = broken.iter().map(|story| story.seed).take(20).collect();
    assert!(broken.is_empty(), "{} stories broke a promise, seeds {seeds:?}", broken.len());
    told
}

/// Tells them all, on as many threads as there are processors, and prints what broke.
fn listen(seeds: Range<u64>, run: fn(u64, bool) -> Result<Ending, Broken>) -> (Told, Vec<Broken>) {
    let trace = std::env::var_os("ASHORE_TRACE").is_some();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let results: Vec<_> = std::thread::scope(|scope| {
        let each = |part: u64| {
            let seeds = seeds.clone();
            let mine = move || seeds.filter(|seed| seed % threads == part).map(|seed| run(seed, trace)).collect();
            scope.spawn::<_, Vec<_>>(mine)
        };
        let running: Vec<_> = (0..threads).map(each).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut told = Told::default();
    let mut broken = Vec::new();
    for result in results {
        match result {
            Ok(ending) => {
                told.stories += 1;
                told.acknowledged += ending.acknowledged;
                told.steps += ending.steps;
                told.openings += ending.openings;
                told.changes += ending.changes;
                told.let_go += ending.let_go;
                told.buried += ending.buried;
                told.recovered += ending.recovered;
                told.admitted += ending.admitted;
            }
            Err(story) => broken.push(story),
        }
    }
    let Told { stories, acknowledged, steps, openings, changes, let_go, buried, recovered, admitted } = &told;
    println!(
        "{stories} stories, {acknowledged} acknowledged writes, {steps} events, {openings} openings, {changes} changes of groups, {let_go} let go, {buried} buried, {recovered} recovered, {admitted} admitted"
    );
    for story in broken.iter().take(5) {
        println!("seed {}: {}", story.seed, story.what);
    }
    (told, broken)
}
