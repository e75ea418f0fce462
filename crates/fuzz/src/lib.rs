//! What is fuzzed: for each thing that takes bytes from outside one function that gets any bytes at all and panics when something that must
//! hold does not.
//!
//! libFuzzer calls these functions (`fuzz/`, `cargo xtask fuzz`), and so do the tests of this crate: over the seeds and the committed corpus, and
//! over changed copies of them from a fixed seed, with the stable compiler.
//!
//! - [`program`]: bytes as a sequence of choices, for targets that need more than bytes
//! - [`targets`]: the functions
//! - [`seeds`]: inputs to begin with, mostly golden bytes
//! - [`corpus`]: the committed inputs, one file for each target
//! - [`mutate`]: changed copies, the same for the same seed
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a target says that something is wrong"
)]

pub mod program;
pub mod targets;
pub mod seeds;
pub mod corpus;
pub mod mutate;

/// One thing that is fuzzed.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of the corpus and of the binary in `fuzz/`.
    pub name: &'static str,
    /// What gets the bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "wire", run: targets::wire::run },
    Target { name: "sealed", run: targets::sealed::run },
    Target { name: "rows", run: targets::rows::run },
    Target { name: "messages", run: targets::messages::run },
    Target { name: "queries", run: targets::queries::run },
    Target { name: "chunks", run: targets::chunks::run },
    Target { name: "blobs", run: targets::blobs::run },
    Target { name: "members", run: targets::members::run },
    Target { name: "relay", run: targets::relay::run },
    Target { name: "device", run: targets::device::run },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
