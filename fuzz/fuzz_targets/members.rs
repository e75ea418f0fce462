//! The target `members` of `crates/fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ashore_fuzz::targets::members::run(data));
