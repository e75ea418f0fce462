//! What documents promise, as sentences and as properties of random values and schedules.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod arbitrary;
mod chunks;
mod counters;
mod edits;
mod golden;
mod history;
mod later_versions;
mod live;
mod plain;
mod replica;
mod replicas;
mod shapes;
mod stale_puts;
mod text;
mod texts;
mod undo;
mod values;
