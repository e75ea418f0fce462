//! One hot path of the engine in a process of its own, for callgrind to count: `counts NAME`; without a name it lists them.
//!
//! Nothing in here is by chance: seeds, clock and hash tables are the same in every run, and the work is done on a thread,
//! whose stack begins at a page and not below the environment. So two runs execute the same instructions, one by one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a workload that goes another way must end the run"
)]

mod random;
mod counted;
mod host;
mod world;
mod workloads;

use std::process::ExitCode;

/// Code that is hardly optimised takes more of it than a thread has by default.
const STACK_BYTES: usize = 32 << 20;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(name) = words.next() else {
        workloads::ALL.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, work)) = workloads::ALL.iter().find(|(known, _)| *known == name) else {
        eprintln!("there is no workload `{name}`: without a name they are listed");
        return ExitCode::FAILURE;
    };
    // A panic has been printed by then.
    let done = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).map(|thread| thread.join().is_ok());
    if done.unwrap_or(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
