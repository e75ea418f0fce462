//! Every target over its seeds, the committed corpus, and changed copies from a fixed seed: what runs in every test run, with the stable compiler.
//!
//! The same functions run under libFuzzer: `cargo xtask fuzz`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ashore_fuzz::mutate::Mutations;
use ashore_fuzz::{TARGETS, corpus, seeds, target};

/// All committed inputs together.
const MAX_CORPUS_BYTES: u64 = 1 << 20;

fn shortly(name: &str, changed: usize) {
    let run = target(name).expect("a target").run;
    let inputs = [seeds::of(name), corpus::read(name)].concat();
    inputs.iter().for_each(|input| run(input));
    let mut mutations = Mutations::of(inputs, 2026);
    for _ in 0..changed {
        run(&mutations.next_input());
    }
}

#[test]
fn no_bytes_on_the_wire_break_a_decoder() {
    shortly("wire", 60_000);
}

#[test]
fn no_bytes_inside_of_a_seal_break_what_opens_it() {
    shortly("sealed", 40_000);
}

#[test]
fn no_stored_bytes_break_what_reads_them() {
    shortly("rows", 60_000);
}

#[test]
fn no_message_of_a_page_breaks_the_engine() {
    shortly("messages", 40_000);
}

#[test]
fn no_query_breaks_what_answers_it() {
    shortly("queries", 60_000);
}

#[test]
fn no_chunk_of_a_member_makes_a_document_that_does_not_load() {
    shortly("chunks", 2_000);
}

#[test]
fn no_damaged_blob_breaks_the_store() {
    shortly("blobs", 3_000);
}

#[test]
fn every_order_of_control_entries_gives_the_same_members() {
    shortly("members", 250);
}

#[test]
fn no_sequence_of_frames_makes_a_relay_serve_a_stranger_or_lose_an_entry() {
    shortly("relay", 600);
}

#[test]
fn no_relay_page_or_disk_breaks_a_device() {
    shortly("device", 1_500);
}

#[test]
fn every_target_is_run_here_and_has_seeds() {
    let here = include_str!("short.rs");
    for target in TARGETS {
        assert!(here.contains(&format!("shortly(\"{}\"", target.name)), "{} is not run", target.name);
        assert!(!seeds::of(target.name).is_empty());
    }
}

#[test]
fn the_committed_corpus_is_small() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    assert!(files.sum::<u64>() < MAX_CORPUS_BYTES);
}
