//! Time as the engine knows it: an argument, never a clock. Clocks jump; nothing here relies on their order.

pub use ashore_protocol::ids::Timestamp;
