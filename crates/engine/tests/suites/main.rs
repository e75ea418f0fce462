//! The engine's integration tests: one program, because compiling and linking one costs minutes less than thirty. One suite by its name:
//! `cargo test -p ashore-engine --test suites membership::`. The simulation, which runs for minutes, is a program of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod api_golden;
mod asides;
mod asked_again;
mod burials;
mod channels;
mod exporting;
mod failing_store;
mod healing;
mod history;
mod hostile_member;
mod hostile_relay;
mod indexes;
mod leaves;
mod letting_go;
mod membership;
mod presence;
mod queries;
mod recovery;
mod relays;
mod requests;
mod search;
mod seen;
mod snapshots;
mod stories_golden;
mod sync_settings;
mod traps;
mod updates;
mod vanishing;
mod versions;
mod world;
