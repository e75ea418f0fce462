//! What must be the same on every host: natively here, in WebAssembly in `crates/wasm/tests/stories.rs`.

use ashore_engine::testing::{story, vectors};
use std::fmt::Write as _;
use std::path::Path;

/// How many seeds are written down.
const SEEDS: u64 = 40;

#[test]
fn the_same_seeds_end_with_the_heads_that_are_written_down() {
    let mut text = String::new();
    for seed in 0..SEEDS {
        let ending = story::run(seed).unwrap_or_else(|story| panic!("seed {}: {}", story.seed, story.what));
        writeln!(text, "{seed} {}", data_encoding::HEXLOWER.encode(&ending.heads)).unwrap();
    }
    compare("stories.txt", &text);
}

#[test]
fn derivations_give_the_same_bytes_as_ever() {
    compare("derivations.txt", &vectors::derivations());
}

fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(
        text,
        std::fs::read_to_string(path).unwrap(),
        "run with UPDATE_GOLDEN=1 if the engine changed on purpose"
    );
}
