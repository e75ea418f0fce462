//! Stories: random schedules of edits and disasters, each of which must keep every promise. `ASHORE_SEEDS=from..to` runs others;
//! `ASHORE_TRACE=1` prints what crosses the wires.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_engine::testing::story;

/// 2,000 unless asked for others.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("ASHORE_SEEDS").ok();
    let range = asked.as_deref().and_then(|text| text.split_once("..")).map(|(from, to)| (from.parse(), to.parse()));
    match range {
        Some((Ok(from), Ok(to))) => from..to,
        _ => 0..2_000,
    }
}

/// 100 unless asked for others.
#[test]
fn every_promise_is_kept_while_snapshots_are_made_and_the_relay_forgets() {
    let asked = std::env::var_os("ASHORE_SEEDS").is_some();
    let seeds = if asked { seeds() } else { 0..100 };
    let trace = std::env::var_os("ASHORE_TRACE").is_some();
    let mut broken = Vec::new();
    for seed in seeds {
        if let Err(story) = story::run_with_snapshots(seed, trace) {
            println!("seed {}: {}", story.seed, story.what);
            broken.push(story.seed);
        }
    }
    assert!(broken.is_empty(), "seeds {broken:?} broke a promise");
}

#[test]
fn every_promise_is_kept_in_every_story() {
    let seeds = seeds();
    let trace = std::env::var_os("ASHORE_TRACE").is_some();
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let (mut stories, mut acknowledged, mut steps, mut openings) = (0u64, 0usize, 0u64, 0u64);
    let results: Vec<_> = std::thread::scope(|scope| {
        let each = |part: u64| {
            let seeds = seeds.clone();
            scope.spawn(move || {
                seeds
                    .filter(|seed| seed % threads == part)
                    .map(|seed| story::run_traced(seed, trace))
                    .collect::<Vec<_>>()
            })
        };
        let running: Vec<_> = (0..threads).map(each).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut broken = Vec::new();
    for result in results {
        match result {
            Ok(ending) => {
                stories += 1;
                acknowledged += ending.acknowledged;
                steps += ending.steps;
                openings += ending.openings;
            }
            Err(story) => broken.push(story),
        }
    }
    println!("{stories} stories, {acknowledged} acknowledged writes, {steps} events, {openings} openings");
    for story in broken.iter().take(5) {
        println!("seed {}: {}", story.seed, story.what);
    }
    assert!(
        broken.is_empty(),
        "{} stories broke a promise, seeds {:?}",
        broken.len(),
        broken.iter().map(|story| story.seed).take(20).collect::<Vec<_>>()
    );
    assert!(acknowledged > 0 && openings > stories);
}
