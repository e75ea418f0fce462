//! The functions that are fuzzed. Each gets any bytes; a panic is a finding.

pub mod blobs;
pub mod chunks;
pub mod device;
pub mod members;
pub mod messages;
pub mod queries;
pub mod relay;
pub mod rows;
pub mod sealed;
pub mod wire;
