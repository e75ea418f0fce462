//! Stories in a real browser's WebAssembly: the same seeds end with the same heads as natively.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(unsafe_code, missing_docs, reason = "the test macro of wasm-bindgen exports each test")]

use ashore_engine::testing::{story, vectors};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Written by `crates/engine/tests/suites/stories_golden.rs`.
const WRITTEN_DOWN: &str = include_str!("../../engine/testdata/stories.txt");

#[wasm_bindgen_test]
fn the_same_seeds_end_with_the_same_heads_as_natively() {
    assert!(WRITTEN_DOWN.lines().count() >= 40);
    for line in WRITTEN_DOWN.lines() {
        let (seed, heads) = line.split_once(' ').unwrap();
        let ending = story::run(seed.parse().unwrap()).unwrap_or_else(|story| panic!("seed {seed}: {}", story.what));
        let hex: String = ending.heads.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, heads, "seed {seed}");
    }
}

#[wasm_bindgen_test]
fn derivations_give_the_same_bytes_as_natively() {
    assert_eq!(vectors::derivations(), include_str!("../../engine/testdata/derivations.txt"));
}
