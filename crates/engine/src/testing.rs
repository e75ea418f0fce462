//! A world to test in: devices, a relay, a network and disks under one seeded generator and a virtual clock.
//!
//! Everything that a real host does is done here by [`Network`], and done badly on request: connections break with frames in
//! flight, disks refuse to write or lose what was not synced, devices and the relay crash between any two outputs, the relay
//! loses its disk or comes back from a backup, clocks jump. [`story`] runs a random schedule of all that and checks the
//! promises afterwards. The same seed gives the same world, natively and in WebAssembly.

mod device;
mod disk;
pub mod hostile;
pub mod indexes;
mod network;
mod page;
mod relay;
mod rich;
pub mod story;
pub mod vectors;

pub use device::{Call, Device};
pub use disk::Disk;
pub use network::{Faults, Network, PeerTwist, Twist};
pub use page::RELAY;
pub use relay::Relay;
