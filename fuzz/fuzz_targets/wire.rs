//! The target `wire` of `crates/fuzz` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ashore_fuzz::targets::wire::run(data));
